"""What classes of expression are taken for."""

from collections.abc import Sequence

import numpy as np

from elimctl.errors import DataError
from elimctl.figures.style import (
    LIGHT,
    MAP,
    Drawing,
    Look,
    colour_bar,
    figure,
    note,
    plain,
    styled,
    written_on,
)
from elimctl.text import counted


@styled
def confusion_matrix(table: np.ndarray, classes: Sequence[str], *, look: Look = LIGHT) -> Drawing:
    """Draw the share of each class that is predicted as each class, and counts.

    Args:
        table: (C, C) samples by true class (rows) and predicted class (columns).
        classes: names of the C classes.
        look: colours.

    Raises:
        DataError: there is no sample.
    """
    table = np.asarray(table)
    if not table.sum():
        raise DataError("no sample to draw", hint="choose a split that has samples")
    true = table.sum(axis=1, keepdims=True)
    share = np.divide(table, true, out=np.zeros(table.shape), where=true > 0)
    count = len(classes)
    title = "Confusion of classes"
    made = figure(title, height_in=1.5 + 0.42 * count, width_in=2.4 + 0.5 * count)
    axes = made.subplots()
    shown = axes.imshow(
        np.ma.masked_where(np.broadcast_to(true == 0, share.shape), share), cmap=MAP, vmin=0, vmax=1
    )
    for (row, column), value in np.ndenumerate(share):
        if not true[row]:
            continue
        colour = written_on(np.array(shown.to_rgba(value)))
        text = f"{value:.0%}\n{table[row, column]:,}"
        axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color=colour, linespacing=1.15)
    names = [plain(name, longest=14) for name in classes]
    axes.set_xticks(np.arange(count), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(np.arange(count), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted", ylabel="true")
    colour_bar(made, shown, axes, "share of the true class")
    if (true == 0).any():
        note(made, "Empty rows: classes without a sample.", look=look)
    recall = ", ".join(
        f"{name} {share[number, number]:.0%}" for number, name in enumerate(classes) if true[number]
    )
    accuracy = np.trace(table) / table.sum()
    said = counted(int(table.sum()), "sample")
    alt = f"Confusion of {count} classes, {said}, accuracy {accuracy:.1%}. Found: {recall}."
    return Drawing(made, title, alt)
