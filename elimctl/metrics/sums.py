"""Sums over groups of samples, from which every metric of any collection of these groups is computed.

A bootstrap draws identities and scores what it drew ten thousand times. What is drawn are these sums: a
metric of the drawn samples is a function of weighted sums of the groups, exact and independent of the number
of samples.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from elimctl.metrics import table
from elimctl.metrics.table import AXES, METRICS, TABLE, Statistics

ZeroRule = Literal["equal", "never", "skip"]

# What is added up over samples: x and y are deviations of prediction and label from an origin, `error` is
# prediction less label, `agreeing` counts equal signs and `signs` those that are compared.
TERMS = ("count", "x", "y", "xx", "yy", "xy", "error", "error2", "absolute", "agreeing", "signs")
# A spread that is less than this share of the squares it is left over from is rounding: of a constant.
ROUNDING = 1e-13


def sums(
    preds: Float[np.ndarray, "n A"],
    target: Float[np.ndarray, "n A"],
    group: Int[np.ndarray, " n"],
    *,
    groups: int,
    zero: ZeroRule = "equal",
    apart: bool = False,
) -> Float64[np.ndarray, "g 11 A"]:
    """Add up each group of samples.

    Args:
        preds: finite predictions, of any float type; one column per axis.
        target: finite labels.
        group: code of each sample's group, 0 to `groups` - 1.
        groups: number of groups.
        zero: what a label of exactly 0 is worth to SAGR. `equal`: it agrees with a prediction of exactly 0;
            `never`: it agrees with nothing; `skip`: such samples are left out. Decision A.10 row 27.
        apart: take each group's own means for origin, not those of all samples. Such sums give the scores of
            each group to the last digits, however far from the others it lies; they must not be added up.

    Returns:
        float64, in the order of `TERMS`. Those of one call may be added and weighted at will.
    """
    x, y = np.asarray(preds, np.float64), np.asarray(target, np.float64)
    alike = group if apart else np.zeros_like(group)
    return np.stack([_added(term, group, groups) for term in _terms(x, y, alike, groups, zero)], axis=1)


def scores_of(sums: Float64[np.ndarray, "*g 11 2"]) -> Float64[np.ndarray, "*g m 3"]:
    """Metrics of valence and arousal, and the mean of both.

    Args:
        sums: of valence and arousal, as `sums` gives them, weighted and added at will.

    Returns:
        In the order of `table.METRICS` and `table.AXES`. Never NaN: undefined scores, and all scores of no
        sample, are 0.
    """
    return with_mean(axis_scores(sums))


def scores_together(
    preds: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"]
) -> Float64[np.ndarray, "m 3"]:
    """The same of all samples together.

    Args:
        preds: predictions.
        target: labels.
    """
    return scores_of(sums(preds, target, np.zeros(len(preds), np.int64), groups=1)[0])


def mean_ccc(preds: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"]) -> float:
    """CCC of all samples together, mean of valence and arousal; 0 where it is not defined.

    Args:
        preds: predictions.
        target: labels.
    """
    return float(scores_together(preds, target)[METRICS.index("ccc"), AXES.index("mean")])


def axis_scores(sums: Float64[np.ndarray, "*g 11 A"]) -> Float64[np.ndarray, "*g m A"]:
    """Metrics of each axis alone, as `scores_of` has them."""
    statistics = statistics_of(sums)
    return np.stack([metric.value(statistics) for metric in TABLE.values()], axis=-2)


def undefined(sums: Float64[np.ndarray, "*g 11 2"]) -> Bool[np.ndarray, "*g m 3"]:
    """Which scores are 0 only because they are undefined; a mean is if one of its axes is."""
    statistics = statistics_of(sums)
    never = np.zeros(statistics.x.shape, bool)
    tests = [metric.undefined for metric in TABLE.values()]
    found = np.stack([never if test is None else test(statistics) for test in tests], axis=-2)
    return np.concatenate([found, found.any(axis=-1, keepdims=True)], axis=-1)


def telling(sums: Float64[np.ndarray, "*g 11 2"]) -> Bool[np.ndarray, "*g m 3"]:
    """Which scores of a group say something about the model; a mean does if both axes do."""
    statistics = statistics_of(sums)
    always = np.ones(statistics.x.shape, bool)
    tests = [metric.telling for metric in TABLE.values()]
    found = np.stack([always if test is None else test(statistics) for test in tests], axis=-2)
    return np.concatenate([found, found.all(axis=-1, keepdims=True)], axis=-1)


def slopes_of(sums: Float64[np.ndarray, "*g 11 A"]) -> Float64[np.ndarray, "*g m 11 A"]:
    """Derivatives of `axis_scores` by the sums; 0 where a score is undefined or has none."""
    statistics = statistics_of(sums)
    slopes = np.zeros((*sums.shape[:-2], len(METRICS), len(TERMS), sums.shape[-1]))
    for line, metric in enumerate(TABLE.values()):
        for term, values in table.slopes_of(metric, statistics).items():
            slopes[..., line, TERMS.index(term), :] = values
    return slopes


def names_of(chosen: Bool[np.ndarray, "m 3"]) -> list[str]:
    """Some of all scores by name, as `valence.pcc`, axis by axis."""
    return [f"{AXES[axis]}.{METRICS[metric]}" for axis, metric in np.argwhere(chosen.T)]


def statistics_of(sums: Float64[np.ndarray, "*g 11 A"]) -> Statistics:
    """Moments about the means, from sums about an origin."""
    count, x, y, xx, yy, xy, error, error2, absolute, agreeing, signs = np.moveaxis(sums, -2, 0)
    count = np.maximum(count, 1)
    spread_x, spread_y = xx - x * x / count, yy - y * y / count
    return Statistics(
        count=count,
        x=np.where(spread_x > ROUNDING * xx, spread_x, 0),
        y=np.where(spread_y > ROUNDING * yy, spread_y, 0),
        cross=xy - x * y / count,
        bias=error / count,
        error2=error2,
        absolute=absolute,
        agreeing=agreeing,
        signs=signs,
        mean_x=x / count,
        mean_y=y / count,
    )


def with_mean(scores: Float64[np.ndarray, "*g m 2"]) -> Float64[np.ndarray, "*g m 3"]:
    """Scores of both axes with their mean beside them."""
    return np.concatenate([scores, scores.mean(axis=-1, keepdims=True)], axis=-1)


def _terms(
    x: Float64[np.ndarray, "n A"],
    y: Float64[np.ndarray, "n A"],
    alike: Int[np.ndarray, " n"],
    groups: int,
    zero: ZeroRule,
) -> Iterator[np.ndarray]:
    """What each of `TERMS` adds up, one after the other: of a million samples each takes 16 MB."""
    agree = np.sign(x) == np.sign(y)
    compared = (y != 0) if zero == "skip" else np.ones(y.shape, bool)
    if zero != "equal":
        agree &= y != 0
    error = x - y
    x, y = _deviations(x, alike, groups), _deviations(y, alike, groups)
    yield np.ones(y.shape)
    yield from (x, y)
    yield x * x
    yield y * y
    yield x * y
    yield error
    yield error**2
    yield np.abs(error)
    yield from (agree, compared)


def _deviations(
    values: Float64[np.ndarray, "n A"], group: Int[np.ndarray, " n"], groups: int
) -> Float64[np.ndarray, "n A"]:
    """Values less the mean of their group, but for rounding, which `statistics_of` takes away."""
    count = np.maximum(np.bincount(group, minlength=groups), 1)
    return values - (_added(values, group, groups) / count[:, None])[group]


def _added(
    values: Float[np.ndarray, "n A"] | Bool[np.ndarray, "n A"], group: Int[np.ndarray, " n"], groups: int
) -> Float64[np.ndarray, "g A"]:
    return np.stack([np.bincount(group, column, minlength=groups) for column in values.T], axis=1)
