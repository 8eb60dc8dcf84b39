"""Batches: which samples, in which order, cropped how."""
