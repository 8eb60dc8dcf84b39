"""Cells of the plane of valence and arousal."""

import numpy as np
from jaxtyping import Float, Int64

# In cells: more than the rounding of a label and of its place, less than labels' precision, so that what is
# on an edge is above it. -0.2 in float32 is below -0.2.
NUDGE = 1e-6


def cells(target: Float[np.ndarray, "n 2"], *, bins: int) -> Int64[np.ndarray, "n 2"]:
    """The cell of each label when [-1, 1] is cut into `bins` equal parts along either axis.

    Args:
        target: finite labels.
        bins: cells along each axis, >= 1.

    Returns:
        Numbers of the cells from 0, by valence and by arousal. A label on an edge is in the cell above it;
        those at and beyond the ends of the plane are in the outermost ones.
    """
    places = (np.asarray(target, np.float64) + 1) / 2 * bins + NUDGE
    return np.clip(np.floor(places), 0, bins - 1).astype(np.int64)
