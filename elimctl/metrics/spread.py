"""How far predictions for identities lie apart where their labels are equal."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int64

CELL = 0.2  # side of the cells of the plane of valence and arousal in which labels count as equal


@dataclass(frozen=True, slots=True)
class Deviation:
    """A standard deviation on both axes, labels' unit.

    Args:
        valence: of valence.
        arousal: of arousal.
        mean: mean of both.
    """

    valence: float
    arousal: float
    mean: float


@dataclass(frozen=True, slots=True)
class Spread:
    """How far predictions for identities lie apart where their labels are equal.

    The plane is cut into cells of side `CELL`. In each cell with samples of two identities or more, the
    predictions of each identity are averaged; the variance of these means over the cell's identities (over
    k - 1) is averaged over the cells, weighted by their samples; the spread is its root.

    Args:
        between: of the predictions.
        of_labels: the same of the labels, which a perfect model has: cells are not points.
        within: deviation of predictions within an identity and a cell, for comparison; None where no identity
            has two samples in a cell.
        cells: number of cells that count.
        samples: number of samples in them.
        identities: number of identities in them.
    """

    between: Deviation
    of_labels: Deviation
    within: Deviation | None
    cells: int
    samples: int
    identities: int


def spread(
    preds: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"], identity: Int[np.ndarray, " n"]
) -> Spread | None:
    """The spread of predictions across identities at equal labels, as `Spread` defines it.

    Args:
        preds: predictions of valence and arousal.
        target: labels.
        identity: code of each sample's identity.

    Returns:
        None where no cell has two identities.
    """
    side = round(2 / CELL)
    found, cell = np.unique(cells(target, bins=side) @ [side, 1], return_inverse=True)
    pairs, group = np.unique(np.stack([cell, identity], axis=1), axis=0, return_inverse=True)
    group = group.reshape(-1)
    of_cell = np.bincount(pairs[:, 0], minlength=len(found))  # identities in each cell
    shared = of_cell[pairs[:, 0]] > 1
    if not shared.any():
        return None
    counts = np.bincount(group)
    weight = np.bincount(cell) * (of_cell > 1)

    def between(values: np.ndarray) -> Deviation:
        means = _sums(values, group, len(pairs)) / counts[:, None]
        of_means = _sums(means, pairs[:, 0], len(found)) / of_cell[:, None]
        squares = _sums((means - of_means[pairs[:, 0]]) ** 2, pairs[:, 0], len(found))
        variance = squares / np.maximum(of_cell - 1, 1)[:, None]
        return _deviation(weight @ variance / weight.sum())

    means = _sums(preds, group, len(pairs)) / counts[:, None]
    squares = ((preds - means[group]) ** 2)[shared[group]].sum(axis=0)
    freedom = (counts - 1)[shared].sum()
    return Spread(
        between=between(preds),
        of_labels=between(target),
        within=_deviation(squares / freedom) if freedom else None,
        cells=int((of_cell > 1).sum()),
        samples=int(weight.sum()),
        identities=len(np.unique(pairs[shared, 1])),
    )


def _sums(
    values: Float[np.ndarray, "n c"], group: Int64[np.ndarray, " n"], groups: int
) -> Float[np.ndarray, "g c"]:
    return np.stack([np.bincount(group, column, groups) for column in values.T], axis=1)


def _deviation(variance: Float[np.ndarray, "2"]) -> Deviation:
    valence, arousal = np.sqrt(variance).tolist()
    return Deviation(valence, arousal, (valence + arousal) / 2)


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
