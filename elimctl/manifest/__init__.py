"""Manifests: one row per sample found, its columns, its splits."""
