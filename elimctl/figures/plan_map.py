"""The transport plan from a reference identity to a target identity, and the shifts that follow from it.

Source: Kim & Song 2022, Fig. 5.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from elimctl.errors import DataError
from elimctl.figures.arrays import finite, points
from elimctl.figures.faces import depth, strip
from elimctl.figures.plane import signed
from elimctl.figures.style import LIGHT, LONGEST, MAP, Drawing, Look, plain, small_print, styled, written_on
from elimctl.text import counted

CELL_IN = 0.29  # a face's side, and with it all else
BARS = 1.8  # height of the bars, in cells
MARGIN = 0.25  # around all, in cells
HEAD, FOOT, SIDE = 1.9, 2.6, 1.7  # in cells: title and names, small print, ticks of the bars
LETTER = 0.24  # width of a letter of a name, in cells
NARROWEST = 13.0  # width in cells that the text takes
WRITTEN = 12  # samples of either side up to which values are written into the map


@dataclass(frozen=True, slots=True)
class Side:
    """The samples of one identity that take part in matching.

    Args:
        name: the identity's.
        target: (n, 2) labels.
        images: (n, S, S, 3) uint8 crops; None where faces are not shown.
    """

    name: str
    target: np.ndarray
    images: np.ndarray | None = None


@styled
def plan_map(
    plan: np.ndarray,
    shift: np.ndarray,
    reference: Side,
    target: Side,
    *,
    remark: str = "",
    look: Look = LIGHT,
) -> Drawing:
    """Draw a transport plan with both rows of faces, and the identity shift of each target sample.

    Args:
        plan: (n, m) mass from each reference sample to each target sample.
        shift: (m,) identity shifts mu.
        reference: where the mass comes from.
        target: where it goes.
        remark: that goes with it, in small print.
        look: colours.

    Raises:
        DataError: a side has no sample, or a value is not finite, or the sides are not the plan's.
    """
    plan, shift = finite(plan, "rows of the plan"), finite(shift, "shifts")
    sources, targets = points(reference.target, "labels"), points(target.target, "labels")
    n, m = plan.shape
    if (len(sources), len(targets), len(shift)) != (n, m, m):
        found = f"{len(sources)} and {len(targets)} samples and {len(shift)} shifts"
        raise DataError(f"{found} for a plan of {n} x {m}")
    layout = _Layout(n, m, depth(reference.images), depth(target.images))
    strip(layout.axes("top"), _labels(targets), target.images, upright=False, look=look)
    strip(layout.axes("left"), _labels(sources), reference.images, upright=True, look=look)
    _draw_map(layout.axes("map"), plan)
    _draw_shift(layout.axes("bars"), shift, look=look)
    layout.write(reference.name, target.name, remark, look=look)
    row, column = np.unravel_index(plan.argmax(), plan.shape)
    alt = (
        f"Transport plan from {counted(n, 'sample')} of {reference.name} to {m} of {target.name}. The "
        f"largest mass, {plan.max():.2f}, goes from reference {row + 1} ({_said(sources[row])}) to "
        f"target {column + 1} ({_said(targets[column])}). "
        f"Identity shifts: {', '.join(f'{value:.2f}' for value in shift)}."
    )
    return Drawing(layout.figure, f"Transport plan from {reference.name} to {target.name}", alt)


class _Layout:
    """Places of the parts, in cells from the lower left: faces are square and stand at their row or column.

    Args:
        n: rows of the plan.
        m: its columns.
        left: width of the column of reference faces.
        top: height of the row of target faces.
    """

    def __init__(self, n: int, m: int, left: float, top: float) -> None:
        x, y = MARGIN + left + SIDE, MARGIN + FOOT + BARS
        self.width, self.height = max(x + m + MARGIN, NARROWEST), y + n + top + HEAD + MARGIN
        self.places = {
            "bars": (x, y - BARS + 0.15, m, BARS - 0.15),
            "map": (x, y + 0.15, m, n),
            "left": (MARGIN + SIDE - 0.15, y + 0.15, left, n),
            "top": (x, y + 0.3 + n, m, top),
        }
        self.figure = Figure(figsize=(self.width * CELL_IN, self.height * CELL_IN))

    def axes(self, name: str) -> Axes:
        """Axes for a part."""
        x, y, width, height = self.places[name]
        size = (self.width, self.height)
        return self.figure.add_axes((x / size[0], y / size[1], width / size[0], height / size[1]))

    def write(self, reference: str, target: str, remark: str, *, look: Look) -> None:
        """Title, names and small print."""
        left = MARGIN / self.width
        self.figure.suptitle(
            "Transport plan",
            x=left,
            y=1 - MARGIN / self.height,
            ha="left",
            va="top",
            fontsize=10,
            fontweight="bold",
        )
        x, y, width, height = self.places["top"]
        centre = x + width / 2
        room = int(2 * min(centre, self.width - centre) / LETTER - len("target: "))
        name = f"target: {plain(target, longest=min(LONGEST, room))}"
        place = centre / self.width, (y + height + 0.1) / self.height
        self.figure.text(*place, name, ha="center", va="bottom", fontsize=7.5)
        x, y, _, height = self.places["left"]
        place = (x - 0.15) / self.width, (y + height / 2) / self.height
        name = f"reference: {plain(reference, longest=int(min(LONGEST, 3 * height)))}"
        self.figure.text(*place, name, ha="right", va="center", fontsize=7.5, rotation=90)
        text = (
            "A row says where the weight of one reference face goes, a column from which reference faces a "
            f"target face gets its shift (bars). Beside each face: valence over arousal. {remark}"
        )
        place = left, MARGIN / self.height
        wrapped = small_print(text, self.width * CELL_IN)
        self.figure.text(*place, wrapped, ha="left", va="bottom", fontsize=7, color=look.faint)


def _draw_map(axes: Axes, plan: np.ndarray) -> None:
    """The plan, with its values where there is room."""
    largest = float(plan.max()) or 1.0
    shown = axes.imshow(plan, cmap=MAP, vmin=0, vmax=largest, aspect="auto", interpolation="nearest")
    if max(plan.shape) <= WRITTEN:
        for (row, column), mass in np.ndenumerate(plan):
            text = f"{mass:.2f}".lstrip("0") if mass < 1 else f"{mass:.1f}"
            colour = written_on(np.array(shown.to_rgba(mass)))
            axes.text(column, row, text, ha="center", va="center", fontsize=5.5, color=colour)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _draw_shift(axes: Axes, shift: np.ndarray, *, look: Look) -> None:
    """A bar for the shift of each target sample, under its column."""
    axes.bar(np.arange(len(shift)), shift, width=0.6, color=look.groups[1])
    axes.axhline(0, color=look.faint, linewidth=0.8)
    axes.set(xlim=(-0.5, len(shift) - 0.5), ylabel="shift")
    axes.set_xticks(np.arange(len(shift)), [str(number + 1) for number in range(len(shift))])
    axes.locator_params(axis="y", nbins=3)


def _labels(target: np.ndarray) -> list[str]:
    return [f"{signed(valence)}\n{signed(arousal)}" for valence, arousal in target]


def _said(target: np.ndarray) -> str:
    return f"valence {signed(target[0])}, arousal {signed(target[1])}"
