"""Room raw."""
