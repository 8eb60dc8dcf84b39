"""The same expression of different identities, and what is predicted of each.

Source: Kim & Song 2022, Fig. 3.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from elimctl.errors import DataError
from elimctl.figures.arrays import labelled
from elimctl.figures.pairs import SAME
from elimctl.figures.plane import outside, plane, signed
from elimctl.figures.style import LIGHT, MARKERS, Drawing, Look, figure, note, plain, styled
from elimctl.text import counted


@styled
def identity_cases(
    preds: np.ndarray,
    target: np.ndarray,
    identity: np.ndarray,
    cases: Sequence[np.ndarray],
    *,
    within: float = SAME,
    look: Look = LIGHT,
) -> Drawing:
    """Draw cases of nearly one label, and the predictions for each of its identities, joined.

    Args:
        preds: (n, 2) predictions.
        target: (n, 2) labels.
        identity: (n,) names.
        cases: numbers of the samples of each case, as `pairs.same_label_cases` finds them.
        within: largest distance of a label from the first of its case.
        look: colours.

    Raises:
        DataError: there is no case, or a value is not finite.
    """
    preds, target = labelled(preds, target)
    if not cases:
        raise DataError(
            "no two identities show the same expression", hint="choose a split with more identities"
        )
    title = "One expression, several identities"
    made = figure(title, height_in=4.0)
    axes, key = made.subplots(1, 2, width_ratios=(3, 2))
    everything = preds[np.concatenate(cases)]
    beyond = outside(everything, plane(axes, look=look, reach=float(np.abs(everything).max())))
    key.axis("off")
    said = []
    for number, case in enumerate(cases):
        colour, marker = look.groups[number % len(look.groups)], MARKERS[number % len(MARKERS)]
        label, found = target[case].mean(axis=0), preds[case]
        _draw_case(axes, label, found, colour, marker)
        people = [plain(str(name), longest=12) for name in identity[case]]
        named = ", ".join(people[:3]) + (f" and {len(people) - 3} more" if len(people) > 3 else "")
        spreads = f"spread {_spread(found):.2f} (labels {_spread(target[case]):.2f})"
        head = f"{signed(label[0])}, {signed(label[1])}: {spreads}"
        _draw_key(key, number, len(cases), head, named, colour, marker)
        said.append(f"{head}, {len(case)} identities")
    note(
        made,
        f"Cross: mean label of a case, whose labels are up to {within:g} from its first; marks: predictions, "
        "joined. Spread: root mean square distance from their mean; in brackets that of the labels, which a "
        "perfect model has." + beyond,
        look=look,
    )
    alt = (
        f"{counted(len(cases), 'case')} of labels up to {within:g} from their first, in the plane of valence "
        f"and arousal, by mean label. {'; '.join(said)}.{beyond}"
    )
    return Drawing(made, title, alt)


def _spread(values: np.ndarray) -> float:
    """Root mean square distance of points from their mean."""
    return float(np.sqrt(values.var(axis=0).sum()))


def _draw_case(axes: Axes, label: np.ndarray, found: np.ndarray, colour: str, marker: str) -> None:
    """The predictions of a case as a polygon around their mean, and a line from there to the label."""
    centre = found.mean(axis=0)
    turn = np.argsort(np.arctan2(*(found - centre).T[::-1]), kind="stable")
    axes.fill(*found[turn].T, facecolor=colour, alpha=0.15, edgecolor="none")
    axes.plot(*found[[*turn, turn[0]]].T, color=colour, linewidth=1, marker=marker, markersize=5)
    axes.plot(*np.stack([label, centre]).T, color=colour, linewidth=1, linestyle=":")
    axes.plot(*label, marker="x", markersize=10, markeredgewidth=2.4, color=colour)


def _draw_key(axes: Axes, number: int, count: int, head: str, named: str, colour: str, marker: str) -> None:
    """What a case is, beside the plane."""
    y = 1 - (number + 0.5) / max(count, 4)
    axes.plot(0.02, y, marker=marker, color=colour, markersize=7, transform=axes.transAxes, clip_on=False)
    axes.text(0.09, y, head, transform=axes.transAxes, va="bottom", fontsize=8)
    axes.text(0.09, y - 0.01, named, transform=axes.transAxes, va="top", fontsize=7)
