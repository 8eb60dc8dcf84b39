"""CCC against the number of training identities.

Source: Kim & Song 2022, Fig. 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elimctl.errors import DataError
from elimctl.figures.style import (
    LIGHT,
    LINES,
    MARKERS,
    Drawing,
    Look,
    figure,
    legend,
    note,
    plain,
    styled,
    whole_numbers,
)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One method trained on more and more identities.

    Args:
        name: of the method, or what else is compared.
        identities: (k,) numbers of training identities, ascending.
        ccc: (k, seeds) CCC; NaN where a run is missing.
    """

    name: str
    identities: np.ndarray
    ccc: np.ndarray


@styled
def identity_sweep(sweeps: Sequence[Sweep], *, look: Look = LIGHT) -> Drawing:
    """Draw the mean CCC over the seeds, each seed, and the standard deviation as a band.

    Args:
        sweeps: at least one.
        look: colours.

    Raises:
        DataError: no sweep has a run.
    """
    if not any(np.isfinite(sweep.ccc).any() for sweep in sweeps):
        raise DataError("no run to draw", hint="train runs with train.max_identities set")
    title = "CCC by number of training identities"
    made = figure(title, height_in=3.4)
    axes = made.subplots()
    said = []
    for number, sweep in enumerate(sweeps):
        identities, mean, spread = _over_seeds(sweep)
        colour = look.groups[number % len(look.groups)]
        axes.fill_between(identities, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            identities,
            mean,
            LINES[number % len(LINES)],
            color=colour,
            marker=MARKERS[number % len(MARKERS)],
            markersize=5,
            label=plain(sweep.name, longest=48),
        )
        each = np.broadcast_to(sweep.identities[:, None], sweep.ccc.shape)
        axes.plot(each.ravel(), sweep.ccc.ravel(), ".", color=colour, markersize=4, alpha=0.6)
        pairs = zip(identities, mean, strict=True)
        said.append(f"{sweep.name}: " + ", ".join(f"{value:.3f} with {count}" for count, value in pairs))
    axes.set(xlabel="training identities", ylabel="CCC, mean of valence and arousal")
    axes.grid(axis="y")
    whole_numbers(axes)
    legend(axes, loc="best")
    note(made, "Lines: mean over seeds; bands: one standard deviation; points: single runs.", look=look)
    return Drawing(made, title, f"CCC by number of training identities. {'; '.join(said)}.")


def _over_seeds(sweep: Sweep) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of identities that have a run, mean and standard deviation (n - 1; 0 of one) over seeds."""
    known = np.isfinite(sweep.ccc)
    there = known.any(axis=1)
    values, count = np.where(known, sweep.ccc, 0.0)[there], known[there].sum(axis=1)
    mean = values.sum(axis=1) / count
    squares = np.where(known[there], values - mean[:, None], 0.0) ** 2
    return sweep.identities[there], mean, np.sqrt(squares.sum(axis=1) / np.maximum(count - 1, 1))
