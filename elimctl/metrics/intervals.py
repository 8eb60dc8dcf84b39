"""95 % intervals of the metrics of valence and arousal, by drawing identities.

Frames of an identity are alike: what is drawn are identities, whole. Intervals of frames would be far too
narrow.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from elimctl.metrics.bootstrap import LEVEL, RESAMPLES, Slopes, Values, studentised
from elimctl.metrics.scales import Scale, Scales
from elimctl.metrics.sums import TERMS, axis_scores, scores_of, slopes_of, undefined
from elimctl.metrics.table import METRICS, TABLE

LOWEST = np.array([[metric.low] for metric in TABLE.values()], np.float64)
HIGHEST = np.array([[metric.high] for metric in TABLE.values()], np.float64)
SCALES = tuple(metric.scale for metric in TABLE.values())  # differences have plain ones
OF_ONE = np.array([[1, 0], [0, 1], [0.5, 0.5]])  # valence, arousal and their mean, of the axes of one run
OF_TWO = np.hstack([OF_ONE, -OF_ONE])  # the same of a run less those of another


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


def intervals(
    sums: Float64[np.ndarray, "g 11 2"], *, resamples: int = RESAMPLES, seed: int = 0
) -> Float64[np.ndarray, "2 m 3"]:
    """Ends of the intervals of every metric of all groups together.

    Args:
        sums: of each identity, as `sums.sums` gives them.
        resamples: number of resamples.
        seed: of the draws.

    Returns:
        Low and high ends in the order of `table.METRICS` and `table.AXES`; NaN where there is no interval, as
        `studentised` says, or where a score is not defined without one of the groups. Each holds the score;
        that of the mean lies between the lowest and the highest end of both axes.
    """
    ends = _of(sums, OF_ONE, (LOWEST, HIGHEST), SCALES, resamples=resamples, seed=seed)
    return np.where(_depends(sums), np.nan, ends)


def difference(
    sums_a: Float64[np.ndarray, "g 11 2"],
    sums_b: Float64[np.ndarray, "g 11 2"],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Float64[np.ndarray, "m 3"], Float64[np.ndarray, "2 m 3"]]:
    """Scores of b less those of a on the same samples, and the intervals of these differences.

    The same identities are drawn for both, so what makes an identity hard for both does not count.

    Args:
        sums_a: of each identity.
        sums_b: of the same identities in the same order.
        resamples: number of resamples.
        seed: of the draws.

    Returns:
        The differences, and the ends as `intervals` gives them.
    """
    both = np.concatenate([sums_b, sums_a], axis=-1)
    widest = HIGHEST - LOWEST
    ends = _of(both, OF_TWO, (-widest, widest), None, resamples=resamples, seed=seed)
    ends = np.where(_depends(sums_a) | _depends(sums_b), np.nan, ends)
    return scores_of(sums_b.sum(axis=0)) - scores_of(sums_a.sum(axis=0)), ends


def interval(estimate: float, resampled: Float[np.ndarray, " r"]) -> Interval:
    """The percentile interval of resampled values, for what `intervals` does not cover."""
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(estimate), float(low), float(high))


def weighted(
    drawn: Int64[np.ndarray, "c g"], sums: Float64[np.ndarray, "g ..."]
) -> Float64[np.ndarray, "c ..."]:
    """Totals of drawn groups, one per resample.

    Args:
        drawn: how often each group was drawn, as `studentised.draws` gives it.
        sums: of each group.
    """
    flat = drawn.astype(np.float64) @ sums.reshape(len(sums), -1)
    return flat.reshape(len(drawn), *sums.shape[1:])


def _of(
    sums: Float64[np.ndarray, "g 11 A"],
    contrasts: Float[np.ndarray, "3 A"],
    bounds: tuple[Float[np.ndarray, "m 1"], Float[np.ndarray, "m 1"]],
    scales: tuple[Scale, ...] | None,
    *,
    resamples: int,
    seed: int,
) -> Float64[np.ndarray, "2 m 3"]:
    """Ends of the intervals of combinations of the axes' scores."""
    statistics = partial(axis_statistics, contrasts=contrasts)
    columns = sums.reshape(len(sums), -1)
    ends = studentised(
        columns,
        statistics,
        scales=None if scales is None else Scales(tuple(scale for scale in scales for _ in contrasts)),
        bounds=(np.tile(bounds[0], 3).ravel(), np.tile(bounds[1], 3).ravel()),
        sizes=sums[:, TERMS.index("count"), 0],
        resamples=resamples,
        seed=seed,
    ).reshape(2, len(METRICS), 3)
    scores = statistics(columns.sum(axis=0, keepdims=True))[0].reshape(len(METRICS), 3)
    return _coherent(ends, scores)


def _coherent(
    ends: Float64[np.ndarray, "2 m 3"], scores: Float64[np.ndarray, "m 3"]
) -> Float64[np.ndarray, "2 m 3"]:
    """Intervals of which that of the mean of both axes ends where theirs do at the latest.

    Args:
        ends: NaN where an axis has none, for which it has its score here; infinite where it does not end.
        scores: that they are of.

    Returns:
        NaN also where an interval does not end.
    """
    of_axes = np.where(np.isnan(ends), scores, ends)[..., :2]
    ends[..., 2] = np.clip(ends[..., 2], of_axes[0].min(axis=-1), of_axes[1].max(axis=-1))
    return np.where(np.isinf(ends).any(axis=0), np.nan, ends)


def _depends(sums: Float64[np.ndarray, "g 11 2"]) -> Bool[np.ndarray, "m 3"]:
    """Which scores are not defined without one of the groups: these say nothing of other people."""
    return np.logical_or.reduce(undefined(sums.sum(axis=0) - sums))


def axis_statistics(
    totals: Float[np.ndarray, "c K"], contrasts: Float[np.ndarray, "o A"] = OF_ONE
) -> tuple[Values, Slopes]:
    """Combinations of the axes' scores with their derivatives, as `studentised` takes statistics.

    Args:
        totals: sums of A axes, flat.
        contrasts: what each axis has for a share in each of the o combinations of its scores.

    Returns:
        Values (c, m o), metric by metric, and derivatives (c, m o, K).
    """
    by_axis = totals.reshape(len(totals), len(TERMS), -1)
    values = np.einsum("oa,cma->cmo", contrasts, axis_scores(by_axis))
    slopes = np.einsum("oa,cmta->cmota", contrasts, slopes_of(by_axis))
    return values.reshape(len(totals), -1), slopes.reshape(len(totals), -1, totals.shape[1])
