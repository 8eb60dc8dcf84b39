"""Paper tables, cross-validation and the synthetic benchmark: many runs of recipes."""
