"""How latent distributions of samples evolve in training.

Source: She et al. 2021, supplement.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from elimctl.errors import DataError
from elimctl.figures.arrays import finite
from elimctl.figures.latent_rows import Annotated
from elimctl.figures.style import LIGHT, LINES, Drawing, Look, figure, note, plain, styled, whole_numbers
from elimctl.text import counted

COLUMNS = 3
ROW_IN = 1.35
FEW = 12  # steps, each of which gets a mark


@styled
def latent_history(
    step: np.ndarray, latent: np.ndarray, samples: Annotated, classes: Sequence[str], *, look: Look = LIGHT
) -> Drawing:
    """Draw the share of each class over the steps, a panel for each sample.

    Args:
        step: (t,) steps, ascending.
        latent: (t, n, C) distributions, 0 at the annotated class.
        samples: the n samples.
        classes: names of the C classes.
        look: colours.

    Raises:
        DataError: there is no step or sample, or a value is not finite.
    """
    latent = finite(latent, "latent distributions")
    if latent.shape != (len(step), len(samples.names), len(classes)):
        wanted = (len(step), len(samples.names), len(classes))
        raise DataError(f"latent distributions of shape {latent.shape}, {wanted} wanted")
    count = latent.shape[1]
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    title = "Latent distributions over training"
    made = figure(title, height_in=1.1 + ROW_IN * rows)
    grid = made.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for number, axes in enumerate(grid.flat):
        if number < count:
            _draw_sample(axes, step, latent[:, number], number, samples, classes, look=look)
            axes.set_ylim(0, 1.05 * float(latent.max()))
        else:
            axes.axis("off")
    for axes in grid[:, 0]:
        axes.set_ylabel("share")
    for number in range(max(0, count - columns), count):
        grid.flat[number].set_xlabel("step")
        grid.flat[number].tick_params(labelbottom=True)
    handles = [Line2D([], [], **_line(code, look)) for code in range(len(classes))]
    names = [plain(name, longest=12) for name in classes]
    made.legend(handles, names, loc="outside right upper", handlelength=2.6)
    note(made, "Thick: the original class of a flipped sample.", look=look)
    said = [
        f"{samples.names[k]} (annotated {classes[samples.annotated[k]]}): {classes[latent[0, k].argmax()]} "
        f"first at step {step[0]:,.0f}, {classes[latent[-1, k].argmax()]} at step {step[-1]:,.0f}"
        for k in range(count)
    ]
    return Drawing(
        made, title, f"Latent distributions of {counted(count, 'sample')} over training. {'; '.join(said)}."
    )


def _draw_sample(
    axes: Axes,
    step: np.ndarray,
    latent: np.ndarray,
    number: int,
    samples: Annotated,
    classes: Sequence[str],
    *,
    look: Look,
) -> None:
    """The shares of one sample."""
    annotated, original = samples.annotated[number], samples.original[number]
    for code in range(len(classes)):
        if code != annotated:  # which has no share
            thick = {"linewidth": 2.6} if code == original else {}
            marker = "." if len(step) < FEW else None
            axes.plot(step, latent[:, code], marker=marker, markersize=4, **_line(code, look) | thick)
    was = "" if annotated == original else f", was {plain(classes[original], longest=10)}"
    axes.set_title(f"{plain(classes[annotated], longest=10)}{was}", loc="left", fontsize=7.5)
    axes.grid(axis="y")
    whole_numbers(axes, nbins=3)


def _line(code: int, look: Look) -> dict[str, Any]:
    """How the share of a class is drawn."""
    colour = look.groups[code % len(look.groups)]
    return {"linestyle": LINES[_line_style(code)], "color": colour, "linewidth": 1.1}


def _line_style(code: int) -> int:
    """Number of the line style of a class, such that classes of one style have hues far from each other.

    The nearest hues, blue and light blue or vermilion and orange, are four classes apart; each further round
    of the colours moves on by one style, so that 32 classes are told apart.
    """
    return (code + code // 4 * 2 + code // 8) % len(LINES)
