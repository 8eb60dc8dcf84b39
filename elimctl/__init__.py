"""Identity-invariant valence and arousal, from raw faces to an exported model."""
