"""CCC of each identity, from the best to the worst, with its interval."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from elimctl.errors import DataError
from elimctl.figures.arrays import finite
from elimctl.figures.style import LIGHT, WIDTH_IN, Drawing, Look, figure, legend, note, plain, styled
from elimctl.metrics.table import FEWEST
from elimctl.text import counted

LOWEST = -0.5  # where the axis begins; at -1 where something is below
NAMED = 40  # identities whose names have room
ROW_IN = 0.17


@styled
def identity_ccc(
    names: Sequence[str],
    ccc: np.ndarray,
    interval: np.ndarray,
    *,
    overall: float | None = None,
    drawn: str = "clips",
    look: Look = LIGHT,
) -> Drawing:
    """Draw the CCC of each identity, sorted.

    Args:
        names: of N identities.
        ccc: (N,) mean of both axes; NaN where it says nothing, since there are fewer than `FEWEST` samples or
            the labels never vary.
        interval: (N, 2) lower and upper end; NaN where there are too few units to draw from.
        overall: CCC of all samples pooled.
        drawn: what the intervals were bootstrapped over.
        look: colours.

    Raises:
        DataError: no identity has a CCC.
    """
    known = np.isfinite(np.asarray(ccc, np.float64))
    if not known.any():
        raise DataError(
            f"none of {counted(len(names), 'identity', 'identities')} has {FEWEST} samples and labels that "
            "vary on both axes, and so none has a CCC",
            hint="choose a split with more samples of each identity",
        )
    order = np.flatnonzero(known)[np.argsort(-finite(ccc[known], "CCC"), kind="stable")]
    named = len(order) <= NAMED
    title = "CCC of each identity"
    made = figure(title, height_in=max(1.9, 1.1 + ROW_IN * len(order)) if named else 3.4)
    axes = made.subplots()
    chosen = [plain(names[number]) for number in order]
    (_draw_rows if named else _draw_ranks)(axes, chosen, ccc[order], interval[order], overall, look=look)
    left_out = int((~known).sum())
    why = f"with fewer than {FEWEST} samples, or labels that never vary on an axis"
    note(
        made,
        f"Mean of valence and arousal; lines: 95 % intervals over {drawn}, where there are enough of them."
        + (f" Left out: {left_out}, {why}." if left_out else ""),
        look=look,
    )
    best, worst, median = ccc[order[0]], ccc[order[-1]], np.median(ccc[order])
    alt = (
        f"CCC of {counted(len(order), 'identity', 'identities')}, sorted, from {best:.2f} "
        f"({names[order[0]]}) to {worst:.2f} ({names[order[-1]]}), median {median:.2f}"
        + ("" if overall is None else f"; all samples pooled {overall:.2f}")
        + (f"; {left_out} left out, {why}." if left_out else ".")
    )
    return Drawing(made, title, alt)


def _draw_rows(
    axes: Axes, names: list[str], ccc: np.ndarray, interval: np.ndarray, overall: float | None, *, look: Look
) -> None:
    """One row for each identity, with its name."""
    place = np.arange(len(ccc))
    axes.hlines(place, interval[:, 0], interval[:, 1], color=look.groups[4], linewidth=2)
    axes.plot(ccc, place, "o", markersize=4, color=look.groups[0])
    if overall is not None:
        axes.axvline(overall, color=look.ink, linewidth=1, linestyle="--", label="all samples pooled")
        legend(axes, loc="lower right")
    axes.axvline(0, color=look.grid, linewidth=0.8, zorder=0)
    axes.set_yticks(place, names)
    axes.set(ylim=(len(ccc) - 0.4, -0.6), xlabel="CCC", xlim=_limits(ccc, interval))
    axes.grid(axis="x")


def _draw_ranks(
    axes: Axes, names: list[str], ccc: np.ndarray, interval: np.ndarray, overall: float | None, *, look: Look
) -> None:
    """One place for each identity on a common axis, with the names of both ends."""
    place = np.arange(1, len(ccc) + 1)
    width = min(2.0, 300 * WIDTH_IN / len(ccc) / 6)
    axes.vlines(place, interval[:, 0], interval[:, 1], color=look.groups[4], linewidth=width, alpha=0.6)
    axes.plot(place, ccc, ".", markersize=3, color=look.groups[0])
    if overall is not None:
        axes.axhline(overall, color=look.ink, linewidth=1, linestyle="--", label="all samples pooled")
        legend(axes, loc="lower left")
    axes.axhline(0, color=look.grid, linewidth=0.8, zorder=0)
    axes.set(xlabel=f"{len(ccc):,} identities, the best first", ylabel="CCC", ylim=_limits(ccc, interval))
    style: dict[str, Any] = {"textcoords": "offset points", "fontsize": 7.5, "color": look.faint}
    axes.annotate(names[0], (1, ccc[0]), (7, -2), ha="left", **style)
    axes.annotate(names[-1], (len(ccc), ccc[-1]), (-7, -4), ha="right", **style)
    axes.grid(axis="y")


def _limits(ccc: np.ndarray, interval: np.ndarray) -> tuple[float, float]:
    """Ends of the axis of CCC: the same in most figures, so that these can be compared."""
    values = np.concatenate([ccc, interval[np.isfinite(interval)]])
    return (LOWEST if float(values.min()) >= LOWEST else -1.0) - 0.02, 1.02
