"""A loss with and without a term, in runs that differ in nothing else.

Source: She et al. 2021, supplement.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elimctl.errors import DataError
from elimctl.figures.style import LIGHT, LINES, Drawing, Look, figure, legend, plain, styled, whole_numbers
from elimctl.figures.training_curves import WINDOW, moving_average
from elimctl.text import counted


@dataclass(frozen=True, slots=True)
class Curve:
    """Losses of a run.

    Args:
        name: what tells it from the others.
        step: (n,) steps, ascending.
        losses: (n,) values by name of the loss, NaN where a step has none.
    """

    name: str
    step: np.ndarray
    losses: dict[str, np.ndarray]


@styled
def loss_comparison(
    curves: Sequence[Curve],
    losses: Sequence[str],
    *,
    title: str = "Loss with and without a term",
    look: Look = LIGHT,
) -> Drawing:
    """Draw losses that several runs have, a panel for each.

    Args:
        curves: at least two.
        losses: names of the losses; those that a run does not have are left out of its panel.
        title: of the figure.
        look: colours.

    Raises:
        DataError: there are fewer than two runs, or none has such a loss.
    """
    shown = [name for name in losses if any(_has(curve, name) for curve in curves)]
    if len(curves) < 2 or not shown:
        raise DataError(
            f"{counted(len(curves), 'run')}, at least two with a loss of {', '.join(losses)} wanted"
        )
    made = figure(title, height_in=3.3)
    panels = made.subplots(1, len(shown), squeeze=False)[0]
    said = []
    for axes, name in zip(panels, shown, strict=True):
        for number, curve in enumerate(curves):
            if not _has(curve, name):
                continue
            values, colour = curve.losses[name], look.groups[number % len(look.groups)]
            smooth = moving_average(values, max(1, len(values) // WINDOW))
            axes.plot(curve.step, values, color=colour, linewidth=0.5, alpha=0.25)
            line = LINES[number % len(LINES)]
            axes.plot(curve.step, smooth, line, color=colour, label=plain(curve.name, longest=40))
            said.append(f"{curve.name}: {name} ends at {smooth[np.isfinite(smooth)][-1]:.3g}")
        axes.set_title(f"loss {plain(name)}", loc="left")
        axes.set_xlabel("step")
        axes.grid(axis="y")
        whole_numbers(axes)
    legend(panels[0], loc="best")
    return Drawing(made, title, f"{title}. {'; '.join(said)}.")


def _has(curve: Curve, name: str) -> bool:
    return name in curve.losses and bool(np.isfinite(curve.losses[name]).any())
