"""The plane of valence and arousal, and what is drawn in it."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from elimctl.figures.style import Look

EDGE = 1.06  # where the plane ends unless something is beyond
COVERED_95 = 5.991464547107979  # 95 % of a normal distribution in the plane: chi-squared, 2 degrees


def plane(axes: Axes, *, look: Look, reach: float = 1.0) -> None:
    """Make axes the plane: valence to the right, arousal upwards, one scale.

    Args:
        axes: of a figure.
        look: colours.
        reach: largest absolute value that is shown.
    """
    edge = max(EDGE, 1.04 * reach)
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal", xlabel="valence", ylabel="arousal")
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    axes.set_yticks([-1, -0.5, 0, 0.5, 1])
    axes.axhline(0, color=look.grid, linewidth=0.8, zorder=0)
    axes.axvline(0, color=look.grid, linewidth=0.8, zorder=0)


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


def signed(value: float) -> str:
    """A value with two decimals and a sign of the width of a digit."""
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "\N{MINUS SIGN}")  # + 0.0: no "-0.00"
