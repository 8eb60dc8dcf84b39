"""Training: loop, checkpoints, ranks, optimiser."""
