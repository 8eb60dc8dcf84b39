"""Rows of faces along a figure, or frames with what is known of them where faces may not be shown."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from elimctl.figures.style import Look

SIDE = 0.9  # of a frame, in places
LABELLED = 1.9  # a face with its label beside it, in places


def face(axes: Axes, image: np.ndarray | None, centre: tuple[float, float], *, look: Look) -> None:
    """Draw a face, or an empty frame, of side `SIDE` in data units; the limits of the axes stay.

    Args:
        axes: with limits; y may point up or down.
        image: (S, S, 3) uint8; None for a frame.
        centre: of the square.
        look: colours.
    """
    (x, y), half = centre, SIDE / 2
    if image is None:
        corner = (x - half, y - half)
        axes.add_patch(Rectangle(corner, SIDE, SIDE, facecolor="none", edgecolor=look.faint, linewidth=0.6))
        return
    limits, aspect = (axes.get_xlim(), axes.get_ylim()), axes.get_aspect()
    upward = limits[1][0] < limits[1][1]
    bottom, top = (y - half, y + half) if upward else (y + half, y - half)
    axes.imshow(image, extent=(x - half, x + half, bottom, top), interpolation="antialiased", aspect=aspect)
    axes.set(xlim=limits[0], ylim=limits[1])


def depth(images: np.ndarray | None) -> float:
    """How far a row of faces (n, S, S, 3) reaches across, in places; None where they are not shown."""
    return 1.0 if images is None else LABELLED


def strip(axes: Axes, labels: Sequence[str], images: np.ndarray | None, *, upright: bool, look: Look) -> None:
    """Draw a row or column of faces with a label each; beside a face, or within an empty frame.

    Args:
        axes: that holds nothing else.
        labels: one for each face, of two short lines.
        images: (n, S, S, 3) uint8; None where faces are not shown.
        upright: whether they stand above one another, the first on top.
        look: colours.
    """
    along, across = (len(labels) - 0.5, -0.5), (-0.5, depth(images) - 0.5)
    axes.set(**{"xlim": across, "ylim": along} if upright else {"xlim": along[::-1], "ylim": across[::-1]})
    beside = 0.0 if images is None else 0.92
    for number, label in enumerate(labels):
        image = None if images is None else images[number]
        face(axes, image, (0.0, number) if upright else (number, 0.0), look=look)
        x, y = (beside, number) if upright else (number, beside)
        axes.text(x, y, label, ha="center", va="center", fontsize=5.5, linespacing=1.1)
    axes.axis("off")
