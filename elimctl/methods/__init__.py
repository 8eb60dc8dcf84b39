"""Methods: from a batch to losses, and from images to valence and arousal."""
