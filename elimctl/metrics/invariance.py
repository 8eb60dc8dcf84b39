"""How much of the identity is left in features z."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int64, Shaped

from elimctl.errors import DataError
from elimctl.metrics.predictions import PredictionTable
from elimctl.metrics.spread import Spread, spread

NEIGHBOURS = 10
FAR = 0.5  # distance in the plane of valence and arousal beyond which two expressions are not the same
ITERATIONS = 2000  # that a probe may take to converge
BLOCK = 512  # samples whose distances to all others are held at once
MOST = 10_000  # samples that are measured; of more so many are drawn

Read = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Invariance:
    """Two numbers of identity invariance, both better when lower, and what chance gives.

    Args:
        probe: accuracy of a linear probe that predicts the identity, in clips that it has not seen.
        probe_chance: the accuracy of guessing.
        neighbours: share of a sample's nearest neighbours, among the other clips, that have its identity but
            not its expression.
        neighbours_chance: the share if neighbours were drawn at random.
    """

    probe: float
    probe_chance: float
    neighbours: float
    neighbours_chance: float


class Neighbours(NamedTuple):
    """Shares of nearest neighbours, by Euclidean distance, among the samples of other clips.

    Args:
        confused: of a sample's `NEIGHBOURS` nearest, those with its identity and another expression.
        confused_chance: the same of all samples of other clips.
        same: of the nearest, those with its identity, whatever they show: the purity.
        same_chance: the same of all.
    """

    confused: float
    confused_chance: float
    same: float
    same_chance: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What is left of the identity in a run's features and predictions.

    Args:
        samples: number of samples whose features were measured.
        identities: number of their identities.
        across: what a probe was fitted to and judged on different ones of: `clips`; or `halves of clips`,
            where identities have one clip each, so that what marks a clip counts, too.
        features: of the probe and the neighbours; the probe's chance is the most frequent identity's share.
        purity: share of a sample's nearest neighbours that have its identity, whatever they show.
        purity_chance: the share if neighbours were drawn at random.
        spread: of the predictions; None for classes, and where no two identities have equal labels.
    """

    samples: int
    identities: int
    across: str
    features: Invariance
    purity: float
    purity_chance: float
    spread: Spread | None


def measure_table(read: Read, table: PredictionTable, *, seed: int = 0) -> Measured:
    """Measure what is left of the identity in a run's features and predictions.

    Args:
        read: gives the features z (m, d) of m rows of the manifest.
        table: labels, predictions, identities and clips.
        seed: draws the samples whose features are measured where there are more than `MOST`.

    Raises:
        DataError: fewer than two identities have two clips, or two frames of one.
    """
    chosen, unit, across = _measurable(table, seed=seed)
    identity = table.identities.code[chosen]
    # codes of classes, whose distance is 1 or more for any two, serve as labels
    labels = (table.target[:, None] if table.classes else table.target)[chosen]
    z = standardised(read(table.row[chosen]).astype(np.float64))
    found = neighbours(z, labels, identity, unit)
    counts = np.bincount(identity)
    left = Invariance(
        probe=probe_accuracy(z, identity, unit),
        probe_chance=float(counts.max() / counts.sum()),
        neighbours=found.confused,
        neighbours_chance=found.confused_chance,
    )
    return Measured(
        samples=len(chosen),
        identities=int((counts > 0).sum()),
        across=across,
        features=left,
        purity=found.same,
        purity_chance=found.same_chance,
        spread=None if table.classes else spread(table.preds, table.target, table.identities.code),
    )


def measure(
    features: Float[np.ndarray, "n d"],
    target: Float[np.ndarray, "n c"],
    identity: Shaped[np.ndarray, " n"],
    clip: Shaped[np.ndarray, " n"],
) -> Invariance:
    """Measure the identity invariance of features.

    A clip has one place, one light and one pose besides its identity, so no sample is judged by others of its
    own clip.

    Args:
        features: z of each sample.
        target: labels (valence, arousal).
        identity: codes or names; each has at least two clips.
        clip: names.
    """
    z = standardised(features.astype(np.float64))
    found = neighbours(z, target, identity, clip)
    probe = probe_accuracy(z, identity, clip)
    return Invariance(probe, 1 / len(np.unique(identity)), found.confused, found.confused_chance)


def probe_accuracy(
    z: Float[np.ndarray, "n d"], identity: Shaped[np.ndarray, " n"], clip: Shaped[np.ndarray, " n"]
) -> float:
    """Accuracy of logistic regression from z to the identity, across clips.

    The clips of each identity are dealt into two halves; a probe is fitted to either and judged on the other.

    Args:
        z: features, standardised.
        identity: of each sample.
        clip: of each sample.

    Returns:
        Share of samples whose identity is told, in [0, 1].
    """
    from sklearn.linear_model import LogisticRegression

    half = _halves(identity, clip)
    right = np.zeros(len(z), dtype=bool)
    for fitted, judged in ((half == 0, half == 1), (half == 1, half == 0)):
        probe = LogisticRegression(max_iter=ITERATIONS).fit(z[fitted], identity[fitted])
        right[judged] = probe.predict(z[judged]) == identity[judged]
    return float(right.mean())


def neighbours(
    z: Float[np.ndarray, "n d"],
    target: Float[np.ndarray, "n c"] | Int[np.ndarray, "n c"],
    identity: Shaped[np.ndarray, " n"],
    clip: Shaped[np.ndarray, " n"],
) -> Neighbours:
    """What the nearest neighbours of a sample have in common with it.

    Args:
        z: features, all of one scale.
        target: labels; expressions differ where they are further apart than `FAR`.
        identity: codes or names.
        clip: codes or names; every sample has others of other clips.
    """
    squares = np.square(z).sum(axis=1)
    number = min(NEIGHBOURS, len(z) - np.unique(clip, return_counts=True)[1].max())
    shares = np.empty((len(z), len(Neighbours._fields)))
    for start in range(0, len(z), BLOCK):
        own = slice(start, start + BLOCK)
        other, same = clip[own, None] != clip, identity[own, None] == identity
        confused = same & (np.linalg.norm(target[own, None] - target, axis=2) > FAR)
        distance = np.where(other, squares[own, None] + squares - 2 * z[own] @ z.T, np.inf)
        nearest = np.argpartition(distance, number - 1, axis=1)[:, :number]
        for column, mask in ((0, confused), (2, same)):
            shares[own, column] = np.take_along_axis(mask, nearest, axis=1).mean(axis=1)
            shares[own, column + 1] = (mask & other).sum(axis=1) / other.sum(axis=1)
    return Neighbours(*shares.mean(axis=0).tolist())


def standardised(features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Features with mean 0 and deviation 1 each; one that never varies becomes 0."""
    centred = features - features.mean(axis=0)
    spread = centred.std(axis=0)
    return centred / np.where(spread > 0, spread, 1.0)


def _measurable(
    table: PredictionTable, *, seed: int
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"], str]:
    """Samples of identities that a probe can be fitted to and judged on; clips, or their halves; which."""
    everything = np.arange(len(table))
    if len(table) > MOST:
        everything = np.sort(np.random.default_rng(seed).choice(len(table), MOST, replace=False))
    identity, clip = table.identities.code[everything], table.clips.code[everything]
    half = _second_halves(clip, table.frame[everything])
    for unit, across in ((clip, "clips"), (2 * clip + half, "halves of clips")):
        pairs = np.unique(np.stack([identity, unit], axis=1), axis=0)
        enough = np.bincount(pairs[:, 0], minlength=len(table.identities)) > 1
        if enough.sum() > 1:
            kept = enough[identity]
            return everything[kept], unit[kept], across
    raise DataError(
        f"identities with two clips, or two frames of one, in split {table.protocol.get('split')!r}: "
        f"{enough.sum():,} of {len(table.identities):,}, at least 2 wanted to tell identities from images",
        hint="choose another split, or prepare with other identities (--identity actor ...)",
    )


def _second_halves(clip: Int64[np.ndarray, " n"], frame: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """1 for the later half of each clip's frames, 0 for the earlier one."""
    order = np.lexsort((frame, clip))
    _, first, counts = np.unique(clip[order], return_index=True, return_counts=True)
    rank = np.arange(len(clip)) - np.repeat(first, counts)
    late = np.empty(len(clip), np.int64)
    late[order] = 2 * rank >= np.repeat(counts, counts)
    return late


def _halves(identity: Shaped[np.ndarray, " n"], clip: Shaped[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Which half each sample's clip belongs to: the clips of an identity take turns."""
    half = np.zeros(len(clip), np.int64)
    for name in np.unique(identity):
        own = identity == name
        _, number = np.unique(clip[own], return_inverse=True)
        half[own] = number % 2
    return half
