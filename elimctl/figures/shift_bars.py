"""Identity shifts of the samples of chosen pairs of a reference and a target identity.

Source: Kim & Song 2022, Fig. 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elimctl.errors import DataError
from elimctl.figures.arrays import finite
from elimctl.figures.style import LIGHT, Drawing, Look, figure, note, plain, styled
from elimctl.text import counted

GAP = 1.2  # between pairs, in bars


@dataclass(frozen=True, slots=True)
class Pair:
    """The shifts of one pair.

    Args:
        reference: name of the reference identity.
        target: name of the target identity.
        shift: (m,) identity shifts mu of its samples.
    """

    reference: str
    target: str
    shift: np.ndarray


@styled
def shift_bars(pairs: Sequence[Pair], *, remark: str = "", look: Look = LIGHT) -> Drawing:
    """Draw a bar for the shift of each sample, side by side by pair, and the mean of each pair.

    Args:
        pairs: at least one.
        remark: that goes with them, in small print.
        look: colours.

    Raises:
        DataError: there is no pair, a pair has no sample, or a shift is not finite.
    """
    if not pairs:
        raise DataError("no pair of identities to draw")
    title = "Identity shifts of pairs of identities"
    made = figure(title, height_in=3.1)
    axes = made.subplots()
    start, centres, means = 0.0, [], []
    references = list(dict.fromkeys(pair.reference for pair in pairs))
    for pair in pairs:
        shift = np.sort(finite(pair.shift, "shifts"))[::-1]
        place = start + np.arange(len(shift))
        colour = look.groups[references.index(pair.reference) % len(look.groups)]
        axes.bar(place, shift, width=0.85, color=colour, alpha=0.85)
        means.append(float(shift.mean()))
        axes.hlines(means[-1], place[0] - 0.45, place[-1] + 0.45, color=look.ink, linewidth=1.6)
        centres.append(float(place.mean()))
        start = place[-1] + 1 + GAP
    axes.axhline(0, color=look.faint, linewidth=0.8)
    longest = max(6, 84 // len(pairs))
    labels = [
        f"{plain(pair.reference, longest=longest)}\n→ {plain(pair.target, longest=longest)}" for pair in pairs
    ]
    axes.set_xticks(centres, labels, fontsize=7.5)
    axes.tick_params(axis="x", length=0)
    axes.set(ylabel="identity shift")
    axes.grid(axis="y")
    axes.margins(x=0.02)
    note(made, f"One bar for each sample of the target, sorted; line: their mean. {remark}", look=look)
    said = "; ".join(
        f"{pair.reference} to {pair.target}: mean {mean:.3f}, {counted(len(pair.shift), 'sample')}"
        for pair, mean in zip(pairs, means, strict=True)
    )
    return Drawing(made, title, f"Bars of the identity shifts of {counted(len(pairs), 'pair')}. {said}.")
