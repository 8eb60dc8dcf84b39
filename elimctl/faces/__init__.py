"""Faces: detectors, the choice among several faces, and alignment."""
