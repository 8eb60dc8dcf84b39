"""Datasets: one reader per file, each with a synthetic dataset that draws its own tree."""
