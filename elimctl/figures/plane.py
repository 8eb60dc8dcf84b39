"""The plane of valence and arousal, and what is drawn in it."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from elimctl.figures.style import Look
from elimctl.text import counted, decimal

REACH = 1.5  # largest absolute value that is shown: one wild prediction would leave no room for the others
EDGE = 1.06  # where the plane ends unless something is beyond
# What the quadrants of the plane are commonly called (Russell 1980), by the signs of valence and arousal.
QUADRANTS = {(1, 1): "excited", (-1, 1): "tense", (-1, -1): "sad", (1, -1): "calm"}
COVERED_95 = 5.991464547107979  # 95 % of a normal distribution in the plane: chi-squared, 2 degrees


def plane(axes: Axes, *, look: Look, reach: float = 1.0) -> float:
    """Make axes the plane: valence to the right, arousal upwards, one scale.

    Args:
        axes: of a figure.
        look: colours.
        reach: largest absolute value that there is to show; of more than `REACH`, that is shown.

    Returns:
        Where the plane ends, on all four sides.
    """
    edge = max(EDGE, 1.04 * min(reach, REACH))
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal", xlabel="valence", ylabel="arousal")
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    axes.set_yticks([-1, -0.5, 0, 0.5, 1])
    axes.axhline(0, color=look.grid, linewidth=0.8, zorder=0)
    axes.axvline(0, color=look.grid, linewidth=0.8, zorder=0)
    return edge


def circumplex(axes: Axes, *, look: Look) -> None:
    """Draw the unit circle, and write the name of each quadrant into the corner that it leaves free.

    Args:
        axes: those of `plane`.
        look: colours.

    Source: Russell 1980, A circumplex model of affect.
    """
    turn = np.linspace(0, 2 * np.pi, 181)
    axes.plot(np.cos(turn), np.sin(turn), color=look.grid, linewidth=0.8, zorder=0)
    edge = 0.97 * axes.get_xlim()[1]
    for (right, up), name in QUADRANTS.items():
        side, end = ("right" if right > 0 else "left"), ("top" if up > 0 else "bottom")
        place = (right * edge, up * edge)
        axes.text(*place, name, ha=side, va=end, fontsize=7.5, color=look.faint, style="italic")


def ellipse(axes: Axes, mean: np.ndarray, covariance: np.ndarray, *, squared: float, **options: Any) -> None:
    """The ellipse of all points at a Mahalanobis distance of a mean; nothing where it has no extent.

    Args:
        axes: that it goes to.
        mean: (2,).
        covariance: (2, 2), positive semi-definite.
        squared: the squared distance.
        options: of the patch.
    """
    values, vectors = np.linalg.eigh(covariance)
    width, height = 2 * np.sqrt(squared * np.clip(values, 0, None))
    if width + height < 1e-6:
        return
    angle = float(np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0])))
    axes.add_patch(Ellipse((mean[0], mean[1]), width, height, angle=angle, **options))


def outside(preds: np.ndarray, edge: float) -> str:
    """A sentence about predictions that lie beyond what is shown, after a space; nothing where none does.

    Args:
        preds: (n, ...) predictions.
        edge: largest absolute value that is shown.
    """
    count = int((np.abs(preds).reshape(len(preds), -1) > edge).any(axis=1).sum())
    if not count:
        return ""
    verb = "lies" if count == 1 else "lie"
    return f" {count:,} of {counted(len(preds), 'prediction')} {verb} outside, beyond ±{edge:.2f}."


def signed(value: float) -> str:
    """A value with two decimals and a sign of the width of a digit."""
    return decimal(value, 2, sign="+")
