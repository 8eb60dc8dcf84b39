"""Datasets: one reader per file, each with an imitation that draws its own tree."""
