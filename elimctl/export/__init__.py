"""Exporters: a trained run as a file that other runtimes read."""
