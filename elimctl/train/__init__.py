"""Runs: the training loop and its checkpoints."""
