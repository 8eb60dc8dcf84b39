"""Figures: each file draws one, from arrays to matplotlib's Figure."""
