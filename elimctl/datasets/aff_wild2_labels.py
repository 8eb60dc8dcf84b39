"""Check a pair of labels in a list of Aff-Wild2."""

UNLABELLED = -5  # marks a missing label

Label = tuple[float | None, float | None, str | None]  # valence, arousal, drop reason


def checked(valence: float, arousal: float) -> Label:
    """The label in [-1, 1] that two numbers form, or the drop reason if one is unlabelled or out of range."""
    pair = (("valence", valence), ("arousal", arousal))
    for name, value in pair:
        if value == UNLABELLED:
            return None, None, f"no label: {name} is {UNLABELLED}"
    for name, value in pair:
        if not -1 <= value <= 1:  # also true for NaN
            return None, None, f"label out of range: {name} is {value:g}, expected -1 to 1"
    return valence, arousal, None
