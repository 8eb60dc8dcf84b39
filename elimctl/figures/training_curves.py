"""Losses and validation scores over the steps of a run."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes

from elimctl.errors import DataError
from elimctl.figures.style import (
    LIGHT,
    LINES,
    MARKERS,
    Drawing,
    Look,
    figure,
    legend,
    plain,
    styled,
    whole_numbers,
)
from elimctl.text import counted

LOSS, SCORE = "loss_", "val_"  # what columns of metrics.csv begin with
WINDOW = 50  # part of the run that a loss is averaged over: one in so many
ORDERS = 30.0  # ratio of two losses from which they need a logarithmic axis


@styled
def training_curves(columns: Mapping[str, np.ndarray], *, look: Look = LIGHT) -> Drawing:
    """Draw what metrics.csv holds.

    Args:
        columns: (n,) float64 by name: `step`, and some of `loss_...` and `val_...`; NaN where a step has no
            such value.
        look: colours.

    Raises:
        DataError: there is no step, or no loss.
    """
    losses = _values(columns, LOSS)
    if not losses or not len(columns["step"]):
        raise DataError("no training step to draw", hint="train the run first")
    scores = _values(columns, SCORE)
    title = "Training curves"
    made = figure(title, height_in=3.6 if scores else 3.0)
    panels = made.subplots(1, 2 if scores else 1, squeeze=False)[0]
    _draw_losses(panels[0], columns["step"], losses, look=look)
    if scores:
        _draw_scores(panels[1], columns["step"], scores, look=look)
    said = [f"loss {name} from {_ends(values)}" for name, values in losses.items()]
    said += [f"{name} up to {np.nanmax(values):.3f}" for name, values in scores.items()]
    alt = f"Curves of {counted(len(columns['step']), 'training step')}: {'; '.join(said)}."
    return Drawing(made, title, alt)


def moving_average(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of each value with those before it, `window` of them at most; NaN where there is none.

    Args:
        values: (n,), NaN where there is no value.
        window: >= 1.
    """
    known = np.isfinite(values)
    sums = np.cumsum(np.concatenate([[0.0], np.where(known, values, 0.0)]))
    counts = np.cumsum(np.concatenate([[0], known]))
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - window, 0)
    count = counts[end] - counts[start]
    return np.divide(sums[end] - sums[start], count, out=np.full(len(values), np.nan), where=count > 0)


def _draw_losses(axes: Axes, step: np.ndarray, losses: Mapping[str, np.ndarray], *, look: Look) -> None:
    window = max(1, len(step) // WINDOW)
    for number, (name, values) in enumerate(losses.items()):
        colour = look.ink if name == "total" else look.groups[number % len(look.groups)]
        if window > 1:
            axes.plot(step, values, color=colour, linewidth=0.5, alpha=0.25)
        line, label = LINES[number % len(LINES)], plain(name)
        axes.plot(step, moving_average(values, window), line, color=colour, label=label)
    if _spans_orders(losses.values()):
        axes.set_yscale("log")
    axes.set(xlabel="step", ylabel="loss")
    axes.set_title("losses" + (f", averaged over {window} steps" if window > 1 else ""), loc="left")
    axes.grid(axis="y")
    whole_numbers(axes)
    legend(axes, loc="best", ncols=2)


def _draw_scores(axes: Axes, step: np.ndarray, scores: Mapping[str, np.ndarray], *, look: Look) -> None:
    colours = {"ccc_valence": look.valence, "ccc_arousal": look.arousal, "ccc": look.ink}
    for number, (name, values) in enumerate(scores.items()):
        known = np.isfinite(values)
        axes.plot(
            step[known],
            values[known],
            LINES[number % len(LINES)],
            color=colours.get(name, look.groups[number % len(look.groups)]),
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            label=plain(name.replace("ccc", "CCC").replace("_", " ")),
        )
    axes.set(xlabel="step", ylabel="score")
    axes.set_title("validation", loc="left")
    axes.grid(axis="y")
    whole_numbers(axes)
    legend(axes, loc="best")


def _values(columns: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Columns of a kind that have values, by the rest of their name."""
    return {
        name.removeprefix(prefix): values
        for name, values in columns.items()
        if name.startswith(prefix) and np.isfinite(values).any()
    }


def _spans_orders(curves: Iterable[np.ndarray]) -> bool:
    """Whether losses are all positive, and too different for one linear axis."""
    values = np.concatenate([curve[np.isfinite(curve)] for curve in curves])
    return bool(values.min() > 0 and values.max() / values.min() > ORDERS)


def _ends(values: np.ndarray) -> str:
    """First and last value that there is."""
    known = values[np.isfinite(values)]
    return f"{known[0]:.3g} to {known[-1]:.3g}"
