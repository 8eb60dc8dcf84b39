"""Sums over groups of samples, from which every metric of any collection of these groups is computed.

A bootstrap draws identities and scores what it drew ten thousand times. What is drawn are these sums: a
metric of the drawn samples is a function of weighted sums of the groups, exact and independent of the number
of samples.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from elimctl.metrics.sagr import ZeroRule

METRICS = ("rmse", "sagr", "pcc", "ccc", "mae")
AXES = ("valence", "arousal", "mean")
# What is added up over samples: x and y are deviations of prediction and label from an origin, `error` is
# prediction less label, `agreeing` counts equal signs and `signs` those that are compared.
TERMS = ("count", "x", "y", "xx", "yy", "xy", "error", "error2", "absolute", "agreeing", "signs")
# A spread that is less than this share of the squares it is left over from is rounding: of a constant.
ROUNDING = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class Spreads:
    """Second moments times the number of samples, of sums (..., 11, A); each (..., A).

    Args:
        count: number of samples, at least 1: of no sample all else is 0.
        x: sum of squared deviations of the predictions from their mean, exactly 0 for a constant.
        y: likewise of the labels.
        cross: sum of products of both.
        bias: mean prediction less mean label.
    """

    count: Float64[np.ndarray, "*g A"]
    x: Float64[np.ndarray, "*g A"]
    y: Float64[np.ndarray, "*g A"]
    cross: Float64[np.ndarray, "*g A"]
    bias: Float64[np.ndarray, "*g A"]

    @property
    def vary(self) -> Bool[np.ndarray, "*g A"]:
        """Whether both predictions and labels vary."""
        return (self.x > 0) & (self.y > 0)

    @property
    def scale(self) -> Float64[np.ndarray, "*g A"]:
        """Denominator of the CCC, whose numerator is twice `cross`."""
        return self.x + self.y + self.count * self.bias**2


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
        zero: what a label of exactly 0 is worth to SAGR, as in `metrics.sagr`.
        apart: take each group's own means for origin, not those of all samples. Such sums give the scores of
            each group to the last digits, however far from the others it lies; they must not be added up.

    Returns:
        float64, in the order of `TERMS`. Those of one call may be added and weighted at will.
    """
    x, y = np.asarray(preds, np.float64), np.asarray(target, np.float64)
    alike = group if apart else np.zeros_like(group)
    return np.stack([_added(term, group, groups) for term in _terms(x, y, alike, groups, zero)], axis=1)


def scores_of(sums: Float64[np.ndarray, "*g 11 2"]) -> Float64[np.ndarray, "*g 5 3"]:
    """Metrics of valence and arousal, and the mean of both.

    Args:
        sums: of valence and arousal, as `sums` gives them, weighted and added at will.

    Returns:
        In the order of `METRICS` and `AXES`; population moments, RMSE of all samples together. Never NaN:
        what `undefined` tells is 0, and so are all scores of no sample.
    """
    return with_mean(axis_scores(sums))


def scores_together(
    preds: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"]
) -> Float64[np.ndarray, "5 3"]:
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


def axis_scores(sums: Float64[np.ndarray, "*g 11 A"]) -> Float64[np.ndarray, "*g 5 A"]:
    """Metrics of each axis alone, as `scores_of` has them."""
    spreads = spreads_of(sums)
    error2, absolute, agreeing, signs = np.moveaxis(sums[..., 7:, :], -2, 0)
    deviations = np.sqrt(spreads.x) * np.sqrt(spreads.y)
    return np.stack(
        [
            np.sqrt(error2 / spreads.count),
            agreeing / np.maximum(signs, 1),
            np.clip(ratio(spreads.cross, deviations, where=spreads.vary), -1, 1),
            ratio(2 * spreads.cross, spreads.scale, where=spreads.vary),
            absolute / spreads.count,
        ],
        axis=-2,
    )


def undefined(sums: Float64[np.ndarray, "*g 11 2"]) -> Bool[np.ndarray, "*g 5 3"]:
    """Which scores are 0 only because they are not defined: 0 / 0.

    PCC is undefined where predictions or labels are constant; CCC only where both are the same constant, for
    else its numerator alone is 0; SAGR where no sign is compared; a mean where one of its axes is.
    """
    spreads = spreads_of(sums)
    never = np.zeros(spreads.x.shape, bool)
    found = np.stack([never, sums[..., 10, :] == 0, ~spreads.vary, spreads.scale == 0, never], axis=-2)
    return np.concatenate([found, found.any(axis=-1, keepdims=True)], axis=-1)


def names_of(chosen: Bool[np.ndarray, "5 3"]) -> list[str]:
    """Some of all scores by name, as `valence.pcc`, axis by axis."""
    return [f"{AXES[axis]}.{METRICS[metric]}" for axis, metric in np.argwhere(chosen.T)]


def spreads_of(sums: Float64[np.ndarray, "*g 11 A"]) -> Spreads:
    """Second moments about the means, from sums about an origin."""
    count, x, y, xx, yy, xy, error = np.moveaxis(sums[..., :7, :], -2, 0)
    count = np.maximum(count, 1)
    spread_x, spread_y = xx - x * x / count, yy - y * y / count
    return Spreads(
        count=count,
        x=np.where(spread_x > ROUNDING * xx, spread_x, 0),
        y=np.where(spread_y > ROUNDING * yy, spread_y, 0),
        cross=xy - x * y / count,
        bias=error / count,
    )


def with_mean(scores: Float64[np.ndarray, "*g 5 2"]) -> Float64[np.ndarray, "*g 5 3"]:
    """Scores of both axes with their mean beside them."""
    return np.concatenate([scores, scores.mean(axis=-1, keepdims=True)], axis=-1)


def ratio(
    above: Float64[np.ndarray, "*s"], below: Float64[np.ndarray, "*s"], *, where: Bool[np.ndarray, "*s"]
) -> Float64[np.ndarray, "*s"]:
    """A quotient where it may be taken, elsewhere 0."""
    return np.divide(above, below, out=np.zeros(above.shape), where=where)


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
    """Values less the mean of their group, but for rounding, which `spreads_of` takes away."""
    count = np.maximum(np.bincount(group, minlength=groups), 1)
    return values - (_added(values, group, groups) / count[:, None])[group]


def _added(
    values: Float[np.ndarray, "n A"] | Bool[np.ndarray, "n A"], group: Int[np.ndarray, " n"], groups: int
) -> Float64[np.ndarray, "g A"]:
    return np.stack([np.bincount(group, column, minlength=groups) for column in values.T], axis=1)
