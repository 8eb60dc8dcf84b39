"""Reproduction: what the papers print against what runs in this workspace found."""
