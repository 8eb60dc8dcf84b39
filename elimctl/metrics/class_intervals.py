"""95 % intervals of accuracy, balanced accuracy and macro F1, by drawing identities."""

from functools import partial

import numpy as np
from jaxtyping import Float, Float64

from elimctl.metrics.bootstrap import RESAMPLES, Slopes, Values, studentised
from elimctl.metrics.rates import RATES, marginals, rates, slopes_of
from elimctl.metrics.scales import SHARE, Scales


def class_intervals(
    confusions: Float64[np.ndarray, "g C C"], *, resamples: int = RESAMPLES, seed: int = 0
) -> Float64[np.ndarray, "2 m"]:
    """Ends of the intervals of the rates of all groups together.

    Args:
        confusions: of each identity.
        resamples: number of resamples.
        seed: of the draws.

    Returns:
        Low and high ends in the order of `rates.RATES`; NaN where there is no interval, as `studentised`
        says.
    """
    return _of([confusions], resamples=resamples, seed=seed)


def class_difference(
    confusions_a: Float64[np.ndarray, "g C C"],
    confusions_b: Float64[np.ndarray, "g C C"],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, "2 m"]]:
    """Rates of b less those of a on the same samples, and the intervals of these differences.

    Args:
        confusions_a: of each identity.
        confusions_b: of the same identities in the same order.
        resamples: number of resamples.
        seed: of the draws; the same identities are drawn for both.
    """
    a, b = (rates(marginals(part.sum(axis=0))) for part in (confusions_a, confusions_b))
    return b - a, _of([confusions_b, confusions_a], resamples=resamples, seed=seed)


def _of(parts: list[np.ndarray], *, resamples: int, seed: int) -> Float64[np.ndarray, "2 m"]:
    """Ends of the intervals of the first part's rates, less those of a second where there is one."""
    counts = np.stack([marginals(part) for part in parts], axis=1)
    columns = counts.reshape(len(counts), -1)
    lowest = np.full(len(RATES), 1.0 - len(parts))
    return studentised(
        columns,
        partial(rate_statistics, parts=len(parts)),
        scales=Scales((SHARE,) * len(RATES)) if len(parts) == 1 else None,
        bounds=(lowest, np.ones(len(RATES))),
        sizes=parts[0].sum(axis=(1, 2)).astype(np.float64),
        resamples=resamples,
        seed=seed,
    )


def rate_statistics(totals: Float[np.ndarray, "c K"], parts: int = 1) -> tuple[Values, Slopes]:
    """Rates of the first part, less those of a second, with their derivatives, as `studentised` takes them.

    Args:
        totals: the counts of `rates.marginals` of each part, flat.
        parts: 1 or 2.
    """
    counts, signs = totals.reshape(len(totals), parts, 3, -1), np.array([1, -1])[:parts]
    slopes = np.einsum("p,cpmkd->cmpkd", signs, slopes_of(counts))
    return signs @ rates(counts), slopes.reshape(len(totals), len(RATES), -1)
