"""Scores: a model or its predictions against the labels of a split."""
