"""One page about runs: scores, figures, data, recipes, in a single file without network."""
