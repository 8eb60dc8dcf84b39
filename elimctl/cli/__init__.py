"""The command line: one command per file; the only room that prints, exits or reads the terminal."""
