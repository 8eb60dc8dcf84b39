"""Losses on one batch: one differentiable function per file, named as the file."""
