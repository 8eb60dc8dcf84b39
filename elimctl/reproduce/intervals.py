"""Intervals of CCC by resampling seeds and identities.

Frames of an identity are alike, so identities are drawn, not frames. What is resampled are sums, which is
exact and takes no more memory than (seeds, identities, 6, 2) numbers.
"""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
CHUNK = 250  # resamples computed at once


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the interval that holds it.

    Args:
        estimate: of the sample itself.
        low: lower end of the 95 % interval.
        high: upper end.
    """

    estimate: float
    low: float
    high: float


def sums(preds: np.ndarray, target: np.ndarray, identity: np.ndarray, *, identities: int) -> np.ndarray:
    """What CCC is computed from, identity by identity.

    Args:
        preds: (n, 2) predicted (valence, arousal).
        target: (n, 2) labels.
        identity: (n,) codes, 0 to `identities` - 1.
        identities: number of identities.

    Returns:
        (identities, 6, 2) float64: count, sums of x, y, x x, y y and x y, on each axis.
    """
    x, y = preds.astype(np.float64), target.astype(np.float64)
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    added = np.zeros((identities, 6, 2))
    np.add.at(added, identity, terms)
    return added


def ccc_of(added: np.ndarray) -> np.ndarray:
    """CCC, mean of both axes, from sums (..., 6, 2) over the samples; population moments."""
    count, x, y, xx, yy, xy = np.moveaxis(added, -2, 0)
    covariance = xy / count - x / count * (y / count)
    spread = xx / count - (x / count) ** 2 + yy / count - (y / count) ** 2
    apart = (x - y) / count
    return (2 * covariance / (spread + apart**2)).mean(axis=-1)


def bootstrap(added: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Mean CCC over seeds, for resampled seeds and identities.

    Seeds and identities are each drawn with replacement, the same identities for all drawn seeds. The draws
    depend on nothing but their numbers, so that two methods are compared draw by draw.

    Args:
        added: (seeds, identities, 6, 2), as `sums` gives it.
        seed: of the draws.

    Returns:
        (`RESAMPLES`,) mean CCC.
    """
    seeds, identities = added.shape[:2]
    rng = np.random.default_rng(seed)
    of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES) / seeds
    of_identities = rng.multinomial(identities, np.full(identities, 1 / identities), RESAMPLES)
    found = [
        ccc_of(np.einsum("bi,sica->bsca", of_identities[start : start + CHUNK], added))
        for start in range(0, RESAMPLES, CHUNK)
    ]
    return (np.concatenate(found) * of_seeds).sum(axis=1)


def interval(estimate: float, resampled: np.ndarray) -> Interval:
    """The percentile interval of resampled values."""
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(estimate), float(low), float(high))
