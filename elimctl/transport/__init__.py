"""Optimal transport between the samples of two identities, batched."""
