"""The mined latent distribution of samples, beside their annotated class.

Source: She et al. 2021, supplement.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from elimctl.errors import DataError
from elimctl.figures.arrays import finite
from elimctl.figures.faces import face
from elimctl.figures.style import LIGHT, Drawing, Look, figure, note, plain, styled
from elimctl.text import counted

ROW_IN = 0.95
COLUMNS = 2  # samples side by side


@dataclass(frozen=True, slots=True)
class Annotated:
    """Samples with classes.

    Args:
        names: what each of the n samples is called.
        annotated: (n,) codes of the classes that they were trained with.
        original: (n,) codes before labels were flipped on purpose; the annotated ones where none were.
        images: (n, S, S, 3) uint8 crops; None where faces are not shown.
    """

    names: Sequence[str]
    annotated: np.ndarray
    original: np.ndarray
    images: np.ndarray | None = None


@styled
def latent_rows(
    latent: np.ndarray, samples: Annotated, classes: Sequence[str], *, look: Look = LIGHT
) -> Drawing:
    """Draw each sample with its annotated and original class, and the distribution over the others.

    Args:
        latent: (n, C) distributions, 0 at the annotated class.
        samples: what they are of.
        classes: names of the C classes.
        look: colours.

    Raises:
        DataError: there is no sample, or a value is not finite.
    """
    latent = finite(latent, "latent distributions")
    if latent.shape[1] != len(classes):
        raise DataError(f"latent distributions over {latent.shape[1]} classes, {len(classes)} wanted")
    count, columns = len(latent), min(COLUMNS, len(latent))
    rows = -(-count // columns)
    highest = min(1.0, np.ceil(10 * latent.max() + 0.5) / 10)
    title = "Latent distributions"
    made = figure(title, height_in=0.9 + ROW_IN * rows + 0.3)
    grid = made.subplots(rows, 2 * columns, squeeze=False, width_ratios=(1.25, 2) * columns)
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        pair = grid[row, 2 * column], grid[row, 2 * column + 1]
        if number >= count:
            for axes in pair:
                axes.axis("off")
            continue
        _draw_sample(pair[0], number, samples, classes, look=look)
        last = row == rows - 1 or number + columns >= count
        _draw_bars(pair[1], latent[number], number, samples, classes, named=last, look=look)
        pair[1].set_ylim(0, highest)
    flipped = samples.annotated != samples.original
    first = int((latent.argmax(axis=1) == samples.original)[flipped].sum())
    note(
        made,
        "Shares of all classes but the annotated one (▲). Filled: the original class of a flipped sample.",
        look=look,
    )
    said = [
        f"{samples.names[k]}: annotated {classes[samples.annotated[k]]}"
        + (f", originally {classes[samples.original[k]]}" if flipped[k] else "")
        + f", highest {classes[latent[k].argmax()]} with {latent[k].max():.2f}"
        for k in range(count)
    ]
    alt = f"Latent distributions of {counted(count, 'sample')}."
    if flipped.any():
        alt += f" Their original class first have {first} of {counted(int(flipped.sum()), 'flipped sample')}."
    return Drawing(made, title, f"{alt} {'; '.join(said)}.")


def _draw_sample(axes: Axes, number: int, samples: Annotated, classes: Sequence[str], *, look: Look) -> None:
    """A face or a frame, with the classes that it has and had."""
    axes.set(xlim=(-0.5, 2.1), ylim=(-0.5, 0.5), aspect="equal", anchor="W")
    image = None if samples.images is None else samples.images[number]
    face(axes, image, (0.0, 0.0), look=look)
    axes.set(xlim=(-0.5, 2.1), ylim=(-0.5, 0.5), aspect="equal")
    if image is None:
        axes.text(0, 0, plain(samples.names[number], longest=9), ha="center", va="center", fontsize=6)
    annotated, original = samples.annotated[number], samples.original[number]
    text = plain(classes[annotated], longest=12)
    if annotated != original:
        text += f"\nwas {plain(classes[original], longest=10)}"
    axes.text(0.55, 0, text, ha="left", va="center", fontsize=7, linespacing=1.3)
    axes.axis("off")


def _draw_bars(
    axes: Axes,
    latent: np.ndarray,
    number: int,
    samples: Annotated,
    classes: Sequence[str],
    *,
    named: bool,
    look: Look,
) -> None:
    """The distribution of one sample."""
    annotated, original = samples.annotated[number], samples.original[number]
    place = np.arange(len(classes))
    edge = look.groups[0]
    filling = [edge if code == original != annotated else look.paper for code in place]
    axes.bar(place, latent, width=0.72, color=filling, edgecolor=edge, linewidth=1)
    foot = axes.get_xaxis_transform()  # height as a share of the panel's
    axes.plot(annotated, 0.07, marker="^", color=look.arousal, markersize=4.5, transform=foot)
    axes.set(xlim=(-0.6, len(classes) - 0.4))
    axes.locator_params(axis="y", nbins=2)
    short = [plain(name, longest=9) for name in classes]
    if named:
        axes.set_xticks(place, short, rotation=55, ha="right", rotation_mode="anchor", fontsize=6.5)
    else:
        axes.set_xticks([])
