"""Whether labels are, on average, what was predicted: the reliability of predictions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from elimctl.errors import DataError
from elimctl.figures.arrays import finite
from elimctl.figures.plane import REACH, outside, signed
from elimctl.figures.style import LIGHT, Drawing, Look, figure, legend, note, plain, styled
from elimctl.metrics.calibration import Reliability
from elimctl.text import counted

BARS = 40  # of a histogram


@dataclass(frozen=True, slots=True)
class Panel:
    """Predictions of one number.

    Args:
        name: of the number.
        preds: (n,) predictions.
        found: their reliability.
        span: lowest and highest value that a label can have.
    """

    name: str
    preds: np.ndarray
    found: Reliability
    span: tuple[float, float] = (-1.0, 1.0)


@styled
def calibration(panels: Sequence[Panel], *, look: Look = LIGHT) -> Drawing:
    """Draw the mean label of samples whose predictions are alike against these, and how often these are made.

    Args:
        panels: valence and arousal, or the probability of a predicted class.
        look: colours.

    Raises:
        DataError: there is no panel or no prediction, or one is not finite.
    """
    if not panels:
        raise DataError("no predictions to draw")
    title = "Reliability of predictions"
    made = figure(title, height_in=3.9)
    grid = made.subplots(2, len(panels), sharex="col", height_ratios=(4, 1), squeeze=False)
    colours = {"valence": look.valence, "arousal": look.arousal}
    said, more = [], ""
    for (upper, lower), panel in zip(grid.T, panels, strict=True):
        colour = colours.get(panel.name, look.groups[2])
        preds = finite(panel.preds, "predictions")
        low = max(-REACH, min(panel.span[0], float(preds.min())))
        high = min(REACH, max(panel.span[1], float(preds.max())))
        edge = 0.03 * (high - low)
        _draw_bins(upper, panel, colour, look=look)
        upper.set(xlim=(low - edge, high + edge), ylim=(panel.span[0] - edge, panel.span[1] + edge))
        upper.set_title(plain(panel.name), loc="left")
        legend(upper, loc="upper left")
        lower.hist(preds, bins=np.linspace(low, high, BARS + 1), color=colour, alpha=0.7)
        lower.set(xlabel=f"predicted {plain(panel.name)}")
        lower.locator_params(axis="y", nbins=2)
        said.append(_said(panel))
        beyond = outside(preds, REACH)
        more += f" {plain(panel.name).capitalize()}:{beyond}" if beyond else ""
    grid[0, 0].set_ylabel("mean label")
    grid[1, 0].set_ylabel("samples")
    count = max(len(panel.found.bins) for panel in panels)
    note(
        made,
        f"Points: mean label and prediction of {count} bins of equally many samples. On the dashed line "
        "labels are what was predicted; a slope above 1 says that predictions are shrunk."
        f"{more}",
        look=look,
    )
    alt = f"Reliability of {counted(len(panels[0].preds), 'prediction')}. {'; '.join(said)}.{more}"
    return Drawing(made, title, alt)


def _draw_bins(axes: Axes, panel: Panel, colour: str, *, look: Look) -> None:
    """The bins, the line of least squares, and that of what is reliable."""
    found = panel.found
    axes.plot(panel.span, panel.span, color=look.faint, linewidth=0.8, linestyle="--")
    predicted, true = np.array([(part.predicted, part.true) for part in found.bins]).T
    if found.slope is not None:
        ends = np.array([found.bins[0].low, found.bins[-1].high])
        label = f"slope {found.slope:.2f}"
        if found.slope_interval is not None:
            low, high = found.slope_interval
            label += f" ({low:.2f} to {high:.2f})".replace("-", "\N{MINUS SIGN}")
        axes.plot(ends, found.intercept + found.slope * ends, "-.", color=colour, linewidth=1, label=label)
    axes.plot(predicted, true, "o", markersize=4.5, color=colour, label=f"mean gap {found.error:.2f}")


def _said(panel: Panel) -> str:
    found = panel.found
    slope = "not defined, predictions are constant" if found.slope is None else f"{found.slope:.2f}"
    return f"{panel.name}: mean gap {found.error:.2f}, slope {slope}, intercept {signed(found.intercept)}"
