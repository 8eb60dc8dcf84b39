"""Where in the plane of valence and arousal predictions are wrong, how much, and in which direction."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

from elimctl.figures.arrays import labelled
from elimctl.figures.plane import plane, signed
from elimctl.figures.style import LIGHT, MAP, Drawing, Look, colour_bar, figure, note, styled
from elimctl.metrics import spread as of_plane
from elimctl.text import counted

LARGEST = 1.0  # end of the scale of errors, the same in all figures so that these can be compared
FEW = 10  # samples in the fullest cell, below which a logarithmic scale has no second tick by itself


@styled
def error_map(
    preds: np.ndarray, target: np.ndarray, *, bins: int = 10, min_count: int = 5, look: Look = LIGHT
) -> Drawing:
    """Draw the mean error and the number of samples in each cell of the true plane.

    Args:
        preds: (n, 2) predictions.
        target: (n, 2) labels in [-1, 1].
        bins: cells along each axis.
        min_count: samples that a cell needs for its mean to be shown.
        look: colours.

    Raises:
        DataError: there is no sample, or a value is not finite.
    """
    preds, target = labelled(preds, target)
    count, error, pull = cells(preds, target, bins=bins)
    enough = count >= min_count
    title = "Errors over the plane of the labels"
    made = figure(title, height_in=4.4)
    errors, counts = made.subplots(1, 2)
    edges = np.linspace(-1, 1, bins + 1)
    for axes in (errors, counts):
        plane(axes, look=look)
    lines: dict[str, Any] = {"edgecolors": look.paper, "linewidth": 0.4}
    known = np.ma.masked_where(~enough, error)
    shown = errors.pcolormesh(edges, edges, known, cmap=MAP, vmin=0, vmax=LARGEST, **lines)
    _draw_sparse(errors, edges, (count > 0) & ~enough, look=look)
    _draw_pull(errors, pull[enough], look=look)
    errors.set_title("error", loc="left")
    beyond = bool((error[enough] > LARGEST).any())
    colour_bar(made, shown, errors, "mean distance of prediction and label", below=True, beyond=beyond)
    most = max(int(count.max()), 2)
    some = np.ma.masked_equal(count, 0)
    dealt = counts.pcolormesh(edges, edges, some, cmap=MAP, norm=LogNorm(1, most), **lines)
    counts.set_title("samples", loc="left")
    counts.set_ylabel("")
    bar = colour_bar(made, dealt, counts, "samples in a cell", below=True)
    bar.ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    bar.ax.xaxis.set_minor_formatter(NullFormatter())
    if most < FEW:
        bar.ax.xaxis.set_major_locator(FixedLocator([tick for tick in (1, 2, 5) if tick <= most]))
    least = counted(min_count, "sample")
    text = (
        f"Hatched: fewer than {least}. An arrow leads from the mean label of a cell to its mean prediction."
    )
    if not enough.any():
        text = f"Hatched: fewer than {least}, too few for a mean error; no cell has as many."
    note(made, text, look=look)
    return Drawing(made, title, _said(count, error, enough, edges))


def cells(preds: np.ndarray, target: np.ndarray, *, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples by cell of their label.

    Args:
        preds: (n, 2) predictions.
        target: (n, 2) labels; those beyond [-1, 1] count in the outermost cells.
        bins: cells along each axis.

    Returns:
        Counts, mean distances, and mean labels with mean predictions (bins, bins, 2, 2), by arousal (rows)
        and valence (columns); NaN where there is no sample.
    """
    column, row = of_plane.cells(target, bins=bins).T
    values = np.column_stack([np.linalg.norm(preds - target, axis=1), target, preds, np.ones(len(preds))])
    sums = np.zeros((bins, bins, values.shape[1]))
    np.add.at(sums, (row, column), values)
    count = sums[:, :, -1]
    means = np.divide(sums, count[:, :, None], out=np.full_like(sums, np.nan), where=count[:, :, None] > 0)
    return count.astype(int), means[:, :, 0], means[:, :, 1:5].reshape(bins, bins, 2, 2)


def _draw_sparse(axes: Axes, edges: np.ndarray, sparse: np.ndarray, *, look: Look) -> None:
    """Hatch the cells that have too few samples for a mean."""
    side = edges[1] - edges[0]
    for row, column in np.argwhere(sparse):
        corner = (edges[column], edges[row])
        axes.add_patch(
            Rectangle(corner, side, side, facecolor="none", edgecolor=look.faint, hatch="////", lw=0)
        )


def _draw_pull(axes: Axes, pull: np.ndarray, *, look: Look) -> None:
    """An arrow from the mean label of each cell to its mean prediction; pull is (cells, 2, 2)."""
    start, end = pull[:, 0], pull[:, 1]
    axes.quiver(
        *start.T,
        *(end - start).T,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.006,
        color=look.ink,
        edgecolor=look.paper,
        linewidth=0.5,
        zorder=3,
    )


def _said(count: np.ndarray, error: np.ndarray, enough: np.ndarray, edges: np.ndarray) -> str:
    side = len(count)
    text = f"Two maps of the plane of valence and arousal, {side} by {side} cells, "
    text += f"{counted(int(count.sum()), 'sample')}. "
    if not enough.any():
        return text + "No cell has enough samples for a mean error."
    row, column = np.unravel_index(np.where(enough, error, -np.inf).argmax(), error.shape)
    centre = (edges[:-1] + edges[1:]) / 2
    shown = error[enough]
    return text + (
        f"Mean distances of {counted(int(enough.sum()), 'cell')} lie between {shown.min():.2f} and "
        f"{shown.max():.2f}; the largest is at valence {signed(centre[column])}, "
        f"arousal {signed(centre[row])}."
    )
