"""The samples of a batch by how uncertain their annotation is estimated to be.

Source: She et al. 2021, supplement.
"""

from collections.abc import Sequence

import numpy as np

from elimctl.figures.arrays import finite
from elimctl.figures.faces import face
from elimctl.figures.latent_rows import Annotated
from elimctl.figures.style import LIGHT, Drawing, Look, figure, legend, note, plain, styled
from elimctl.text import counted

SHOWN = 10  # of either end of the ranking


@styled
def uncertainty_rank(
    confidence: np.ndarray, samples: Annotated, classes: Sequence[str], *, look: Look = LIGHT
) -> Drawing:
    """Draw the scores of a batch, sorted, and the samples at both ends.

    Args:
        confidence: (n,) scores alpha in (0, 1), low where an annotation is uncertain.
        samples: what they are of.
        classes: names of the classes.
        look: colours.

    Raises:
        DataError: there is no sample, or a score is not finite.
    """
    alpha = finite(confidence, "scores")
    order = np.argsort(alpha, kind="stable")
    flipped = (samples.annotated != samples.original)[order]
    title = "A batch by estimated uncertainty"
    ends = _ends(len(alpha))
    made = figure(title, height_in=3.0 + 1.15 * len(ends))
    panels = made.subplots(1 + len(ends), 1, squeeze=False, height_ratios=(2.2, *(1.15 for _ in ends)))[:, 0]
    ranking = panels[0]
    place = np.arange(1, len(alpha) + 1)
    ranking.vlines(place, 0, alpha[order], color=look.grid, linewidth=1)
    kinds = (
        (~flipped, "as annotated", look.groups[0], "o"),
        (flipped, "flipped on purpose", look.groups[1], "X"),
    )
    for own, name, colour, marker in kinds:
        if own.any():
            ranking.plot(place[own], alpha[order][own], marker, color=colour, markersize=5, label=name)
    if flipped.any():
        legend(ranking, loc="lower right")
    low, high = float(alpha.min()), float(alpha.max())
    edge = max(0.02, 0.1 * (high - low))
    ranking.set(
        xlabel="samples, the most uncertain first", ylabel="certainty α", ylim=(low - edge, high + edge)
    )
    for axes, (name, chosen) in zip(panels[1:], ends, strict=True):
        axes.set(xlim=(-0.5, SHOWN - 0.5), ylim=(1.35, -0.5), aspect="equal", anchor="W")
        for column, rank in enumerate(chosen):
            number = order[rank]
            image = None if samples.images is None else samples.images[number]
            face(axes, image, (column, 0.0), look=look)
            if image is None:
                axes.text(
                    column, 0, plain(samples.names[number], longest=8), ha="center", va="center", fontsize=6.5
                )
            axes.text(
                column, 0.55, _label(samples, number, classes, alpha), ha="center", va="top", fontsize=6.5
            )
        axes.set(xlim=(-0.5, SHOWN - 0.5), ylim=(1.35, -0.5), aspect="equal")
        axes.set_title(name, loc="left")
        axes.axis("off")
    note(made, "Under each: annotated class, the original one where it was flipped, and α.", look=look)
    alt = f"Certainty of {counted(len(alpha), 'sample')} of a batch, from {low:.3f} to {high:.3f}."
    if flipped.any() and not flipped.all():
        alt += (
            f" Mean of {counted(int(flipped.sum()), 'flipped sample')} {alpha[order][flipped].mean():.3f}, "
            f"of the others {alpha[order][~flipped].mean():.3f}."
        )
    return Drawing(made, title, alt)


def _ends(count: int) -> list[tuple[str, np.ndarray]]:
    """Ranks of the samples that are shown, most uncertain first in each row."""
    if count <= SHOWN:
        return [("all samples", np.arange(count))]
    return [
        ("the most uncertain", np.arange(SHOWN)),
        ("the most certain", np.arange(max(SHOWN, count - SHOWN), count)),
    ]


def _label(samples: Annotated, number: int, classes: Sequence[str], alpha: np.ndarray) -> str:
    annotated, original = samples.annotated[number], samples.original[number]
    was = "" if annotated == original else f"\n({plain(classes[original], longest=9)})"
    return f"{plain(classes[annotated], longest=10)}{was}\n{alpha[number]:.3f}"
