"""Parse labels that both releases of AffectNet share."""

from collections.abc import Iterable

import numpy as np

from elimctl.manifest.row import EXPRESSIONS

NO_LABEL = -2  # valence and arousal of an unlabelled image
LANDMARK_LIMIT_PX = 1e5  # larger than any image: invalid
UNLABELLED = ("uncertain", "no face")  # classes without valence and arousal; `none` has both


def valence_arousal(valence: str, arousal: str) -> tuple[tuple[float | None, float | None], str | None]:
    """Valence and arousal in [-1, 1], or the drop reason.

    Args:
        valence: as shipped, empty if missing.
        arousal: likewise.
    """
    values = []
    for name, text in (("valence", valence), ("arousal", arousal)):
        if text in ("", "NULL"):
            return (None, None), f"no label: {name}"
        try:
            value = float(text)
        except ValueError:
            return (None, None), f"label is not a number: {name} is {text!r:.40}"
        if value == NO_LABEL:
            return (None, None), f"no label: {name} is {NO_LABEL}"
        if not -1 <= value <= 1:  # also true for NaN
            return (None, None), f"label out of range: {name} is {text:.40}, expected -1 to 1"
        values.append(value)
    return (values[0], values[1]), None


def expression(text: str) -> tuple[str | None, str | None]:
    """Name of a class, None if missing, and the drop reason, if any.

    Args:
        text: number of the class as shipped, 0 to 10.
    """
    if text in ("", "NULL"):
        return None, None
    try:
        number = float(text)
        name = EXPRESSIONS[int(number)] if number >= 0 and number.is_integer() else None
    except (ValueError, IndexError, OverflowError):
        name = None
    if name is None:
        return None, f"unknown class of expression: {text!r:.40}, expected 0 to {len(EXPRESSIONS) - 1}"
    return name, f"no label: expression is {name}" if name in UNLABELLED else None


def points(values: Iterable[float]) -> np.ndarray | None:
    """68 points (68, 2) float32 from x, y, x, y ..., None for another number of points or an invalid one.

    Raises:
        ValueError: a value is not a number.
    """
    found = np.fromiter(values, np.float64)
    usable = found.shape == (136,) and bool(np.all(np.abs(found) <= LANDMARK_LIMIT_PX))  # false for NaN
    return found.reshape(68, 2).astype(np.float32) if usable else None
