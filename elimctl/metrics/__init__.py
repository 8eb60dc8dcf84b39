"""Metrics on a whole split: one function per file, named as the file."""
