"""95 % intervals of accuracy, balanced accuracy and macro F1, by drawing identities."""

from functools import partial

import numpy as np
from jaxtyping import Float, Float64

from elimctl.metrics.bootstrap import RESAMPLES, Slopes, Values, studentised
from elimctl.metrics.classes import RATES, marginals, rates
from elimctl.metrics.scales import SHARE, Scales


def class_intervals(
    confusions: Float64[np.ndarray, "g C C"], *, resamples: int = RESAMPLES, seed: int = 0
) -> Float64[np.ndarray, "2 3"]:
    """Ends of the intervals of the rates of all groups together.

    Args:
        confusions: of each identity.
        resamples: number of resamples.
        seed: of the draws.

    Returns:
        Low and high ends in the order of `classes.RATES`; NaN where there is no interval, as `studentised`
        says.
    """
    return _of([confusions], resamples=resamples, seed=seed)


def class_difference(
    confusions_a: Float64[np.ndarray, "g C C"],
    confusions_b: Float64[np.ndarray, "g C C"],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "2 3"]]:
    """Rates of b less those of a on the same samples, and the intervals of these differences.

    Args:
        confusions_a: of each identity.
        confusions_b: of the same identities in the same order.
        resamples: number of resamples.
        seed: of the draws; the same identities are drawn for both.
    """
    a, b = (rates(marginals(part.sum(axis=0))) for part in (confusions_a, confusions_b))
    return b - a, _of([confusions_b, confusions_a], resamples=resamples, seed=seed)


def _of(parts: list[np.ndarray], *, resamples: int, seed: int) -> Float64[np.ndarray, "2 3"]:
    """Ends of the intervals of the first part's rates, less those of a second where there is one."""
    counts = np.stack([marginals(part) for part in parts], axis=1)
    columns = counts.reshape(len(counts), -1)
    lowest = np.full(len(RATES), 1.0 - len(parts))
    return studentised(
        columns,
        partial(rate_statistics, parts=len(parts)),
        scales=Scales((SHARE,) * len(RATES)) if len(parts) == 1 else None,
        bounds=(lowest, np.ones(3)),
        sizes=parts[0].sum(axis=(1, 2)).astype(np.float64),
        resamples=resamples,
        seed=seed,
    )


def rate_statistics(totals: Float[np.ndarray, "c K"], parts: int = 1) -> tuple[Values, Slopes]:
    """Rates of the first part, less those of a second, with their derivatives, as `studentised` takes them.

    Args:
        totals: the counts of `classes.marginals` of each part, flat.
        parts: 1 or 2.
    """
    counts, signs = totals.reshape(len(totals), parts, 3, -1), np.array([1, -1])[:parts]
    slopes = np.einsum("p,cpmkd->cmpkd", signs, slopes_of(counts))
    return signs @ rates(counts), slopes.reshape(len(totals), len(RATES), -1)


def slopes_of(counts: Float64[np.ndarray, "*g 3 C"]) -> Float64[np.ndarray, "*g 3 3 C"]:
    """Derivatives of `classes.rates` by the counts of the classes that there are."""
    right, true, predicted = np.moveaxis(counts, -2, 0)
    found = true + predicted
    number = true.sum(axis=-1, keepdims=True)
    accuracy = right.sum(axis=-1, keepdims=True) / number
    of_true = (true > 0) / np.where(true > 0, true, 1) / (true > 0).sum(axis=-1, keepdims=True)
    of_found = (found > 0) / np.where(found > 0, found, 1) / (found > 0).sum(axis=-1, keepdims=True)
    recall, f1 = right / np.where(true > 0, true, 1), 2 * right / np.where(found > 0, found, 1)
    none = np.zeros(right.shape)
    by_rate = [
        [np.broadcast_to(1 / number, right.shape), np.broadcast_to(-accuracy / number, right.shape), none],
        [of_true, -recall * of_true, none],
        [2 * of_found, -f1 * of_found, -f1 * of_found],
    ]
    return np.stack([np.stack(slopes, axis=-2) for slopes in by_rate], axis=-3)
