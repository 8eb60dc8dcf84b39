"""Stages of the work, end to end: what a command or a recipe asks for, put together from the rooms below."""
