"""How much of the identity is left in features z."""

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 10
FAR = 0.5  # distance in the plane of valence and arousal beyond which two expressions are not the same
ITERATIONS = 2000  # that a probe may take to converge


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


def measure(features: np.ndarray, target: np.ndarray, identity: np.ndarray, clip: np.ndarray) -> Invariance:
    """Measure the identity invariance of features.

    A clip has one place, one light and one pose besides its identity, so no sample is judged by others of its
    own clip.

    Args:
        features: (n, d).
        target: (n, 2) labels (valence, arousal).
        identity: (n,) codes or names; each has at least two clips.
        clip: (n,) names.
    """
    z = _standardised(features.astype(np.float64))
    probe = probe_accuracy(z, identity, clip)
    neighbours, chance = confused_neighbours(z, target, identity, clip)
    return Invariance(probe, 1 / len(np.unique(identity)), neighbours, chance)


def probe_accuracy(z: np.ndarray, identity: np.ndarray, clip: np.ndarray) -> float:
    """Accuracy of logistic regression from z to the identity, across clips.

    The clips of each identity are dealt into two halves; a probe is fitted to either and judged on the other.
    """
    from sklearn.linear_model import LogisticRegression

    half = _halves(identity, clip)
    right = np.zeros(len(z), dtype=bool)
    for fitted, judged in ((half == 0, half == 1), (half == 1, half == 0)):
        probe = LogisticRegression(max_iter=ITERATIONS).fit(z[fitted], identity[fitted])
        right[judged] = probe.predict(z[judged]) == identity[judged]
    return float(right.mean())


def confused_neighbours(
    z: np.ndarray, target: np.ndarray, identity: np.ndarray, clip: np.ndarray
) -> tuple[float, float]:
    """Share of nearest neighbours with the same identity and another expression, and that of all samples.

    Returns:
        The share among the `NEIGHBOURS` nearest by Euclidean distance, and the share among all samples of
        other clips.
    """
    other = clip[:, None] != clip
    far = np.linalg.norm(target[:, None] - target, axis=2) > FAR
    confused = (identity[:, None] == identity) & far
    squares = np.square(z).sum(axis=1)
    distance = np.where(other, squares[:, None] + squares - 2 * z @ z.T, np.inf)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]
    share = np.take_along_axis(confused, nearest, axis=1).mean()
    chance = ((confused & other).sum(axis=1) / other.sum(axis=1)).mean()
    return float(share), float(chance)


def _standardised(features: np.ndarray) -> np.ndarray:
    """Features with mean 0 and deviation 1 each; one that never varies becomes 0."""
    centred = features - features.mean(axis=0)
    spread = centred.std(axis=0)
    return centred / np.where(spread > 0, spread, 1.0)


def _halves(identity: np.ndarray, clip: np.ndarray) -> np.ndarray:
    """Which half each sample's clip belongs to: the clips of an identity take turns."""
    half = np.zeros(len(clip), dtype=int)
    for name in np.unique(identity):
        own = identity == name
        _, number = np.unique(clip[own], return_inverse=True)
        half[own] = number % 2
    return half
