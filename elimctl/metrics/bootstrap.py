"""95 % intervals of statistics that are functions of sums over groups.

Of fewer than `MANY` groups the interval is that of the jackknife. Each statistic is put on a scale on which
its standard error hardly depends on it (`scales`), such as Fisher's z; its standard error is the root of the
sum of squares of what it changes by if each group in turn is left out (CR3). The interval is the statistic
plus and minus a quantile of Student's t times that error, put back. There are as many degrees of freedom as
there are groups of equal size that weigh as much, less one (of errors less two). A bootstrap of so few groups
draws too often two or three of them, and its ends say nothing of other people.

Of `MANY` groups and more it is the studentised bootstrap, which knows of skewness. Groups are drawn with
replacement as often as there are groups. Each resample's statistic is measured in units of its own standard
error, and the quantiles of that ratio, not those of the statistic, give the interval. Percentiles of the
statistic itself are too narrow with the 20 to 80 identities that test sets have (docs/evaluation.md).
The standard error is that of the sandwich: on a statistic f of totals T a group with sums s has the influence
f'(T) . s, and the variance is the sum of their squares, which is again a function of sums, now of products.

Groups of unequal size say less than as many equal ones: of 20 identities with 1 to 52 frames a few decide.
Intervals of the bootstrap are therefore widened twice. The standard error that the quantiles are multiplied
by takes each group's influence as if it were left out, which divides it by 1 - its share of the samples
(CR3). And the quantiles are multiplied by the ratio of the quantiles of Student's t for as many degrees of
freedom as there are groups of equal size that weigh as much, and for as many as there are groups, less one
each. Of equal groups that ratio is 1.

Source: Efron & Tibshirani 1993, chapter 11 and sections 12.5, 12.6 and 22; Bell & McCaffrey 2002 (CR3, the
jackknife); Carter, Schnepel & Steigerwald 2017 (effective number of clusters, as degrees of freedom); Kish
1965 (how it is counted here); Hesterberg 2015 (percentiles made wider in the same way). What goes with what
was chosen by measuring (docs/evaluation.md).
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.special import ndtri, stdtrit

from elimctl.metrics.scales import PLAIN, Scales

LEVEL = 0.95  # share of intervals that are to hold the true value
TAILS = np.array([1 - LEVEL, 1 + LEVEL]) / 2
RESAMPLES = 10_000
FEWEST = 5  # groups; of fewer a standard error is hardly known
MANY = 10  # groups, from which on resamples are drawn
MOST = 2000  # groups that are drawn one by one
# Resamples without spread have no ratio; where more than this share of them have none percentiles are taken.
SPREADLESS = 0.005
ROUNDING = 1e-12  # a variance of less than this share of the squares it is left over from is rounding
CHUNK = 250  # resamples computed at once

Totals = Float64[np.ndarray, "c K"]
Values = Float64[np.ndarray, "c m"]
Slopes = Float64[np.ndarray, "c m K"]
# Values of statistics and their derivatives by the totals. A statistic does not change if all totals are
# multiplied by the same number.
Statistics = Callable[[Totals], tuple[Values, Slopes]]


def effective(sizes: Float[np.ndarray, " g"] | Int64[np.ndarray, " g"]) -> float:
    """How many groups of equal size weigh as much as these: (sum n)^2 / sum n^2, from 1 to their number.

    Args:
        sizes: number of samples of each group, one of them above 0.

    Source: Kish 1965.
    """
    shares = sizes / sizes.sum()
    return float(1 / (shares**2).sum())


def draws(
    groups: int, resamples: int, rng: np.random.Generator, *, chunk: int = CHUNK
) -> Iterator[Int64[np.ndarray, "c g"]]:
    """How often each group is drawn, some resamples at a time.

    Args:
        groups: number of groups, which is also that of draws.
        resamples: number of resamples in all.
        rng: draws the same whatever the size of the parts.
        chunk: resamples in a part at most.
    """
    for start in range(0, resamples, chunk):
        yield rng.multinomial(groups, np.full(groups, 1 / groups), min(chunk, resamples - start))


def bundled(
    columns: Float64[np.ndarray, "g ..."], rng: np.random.Generator, *, most: int = MOST
) -> Float64[np.ndarray, "b ..."]:
    """Sums of at most `most` bundles of groups, dealt at random; groups as they are where they are no more.

    Bundles of independent groups are independent, so an interval from bundles is as true as one from groups;
    the standard error that it rests on is known to 1.6 % with 2,000 of them.

    Args:
        columns: what is added up over each of g groups.
        rng: deals them.
        most: bundles wanted.

    Returns:
        min(g, most) rows.
    """
    if len(columns) <= most:
        return columns
    starts = np.linspace(0, len(columns), most, endpoint=False).astype(np.int64)
    return np.add.reduceat(columns[rng.permutation(len(columns))], starts, axis=0)


def studentised(
    columns: Float64[np.ndarray, "g K"],
    statistics: Statistics,
    *,
    scales: Scales | None = None,
    bounds: tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]],
    sizes: Float64[np.ndarray, " g"] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Float64[np.ndarray, "2 m"]:
    """Ends of the 95 % intervals of some statistics.

    Args:
        columns: sums of each group.
        statistics: of totals of the columns.
        scales: on which each statistic plus and minus its error is taken, of few groups; None for its own.
        bounds: lowest and highest value that each statistic can have; intervals end there at the latest.
        sizes: number of samples of each group, > 0; None where all weigh the same.
        resamples: number of resamples, >= 1; none are drawn of fewer than `MANY` groups.
        seed: of the draws, which depend on nothing else but the number of groups.

    Returns:
        Low and high ends, the statistic between them, infinite where the interval ends only with its scale;
        NaN where there is none: there are fewer than `FEWEST` groups, or they do not differ in the statistic.
    """
    if len(columns) < FEWEST:
        return np.full((2, len(bounds[0])), np.nan)
    totals = columns.sum(axis=0, keepdims=True)
    sizes = np.ones(len(columns)) if sizes is None else sizes
    if len(columns) < MANY:
        ends = _left_out(columns, sizes, statistics, scales or Scales((PLAIN,) * len(bounds[0])))
    else:
        ends = _drawn(columns, sizes, statistics, resamples, seed)
    value = statistics(totals)[0][0]
    ends = np.stack([np.minimum(ends[0], value), np.maximum(ends[1], value)])  # NaN stays
    return np.clip(ends, *bounds)


def listed(ends: Float[np.ndarray, "2"]) -> list[float] | None:
    """[low, high] of an interval, None where there is none."""
    return None if np.isnan(ends).any() else ends.tolist()


def _left_out(
    columns: Float64[np.ndarray, "g K"],
    sizes: Float64[np.ndarray, " g"],
    statistics: Statistics,
    scales: Scales,
) -> Float64[np.ndarray, "2 m"]:
    """Ends by leaving out each group, with quantiles of Student's t."""
    value = scales.of(statistics(columns.sum(axis=0, keepdims=True))[0])[0]
    changes = scales.of(statistics(columns.sum(axis=0) - columns)[0]) - value
    changes = np.where(np.abs(changes) > ROUNDING * np.maximum(np.abs(value), 1), changes, 0)
    error = np.sqrt((changes**2).sum(axis=0))
    # where one group is as good as all there would be no degree of freedom
    quantiles = stdtrit(np.maximum(effective(sizes) - scales.taken, 1), TAILS[:, None])
    return np.where(error > 0, scales.back(value + quantiles * error), np.nan)


def _drawn(
    columns: Float64[np.ndarray, "g K"],
    sizes: Float64[np.ndarray, " g"],
    statistics: Statistics,
    resamples: int,
    seed: int,
) -> Float64[np.ndarray, "2 m"]:
    """Ends of the studentised bootstrap."""
    rng = np.random.default_rng(seed)
    together = bundled(np.column_stack([columns, sizes]), rng)
    columns, sizes = together[:, :-1], together[:, -1]
    spread = _Spread(columns, statistics)
    value, error = (part[0] for part in spread(np.ones((1, len(columns)))))
    found = np.full((2, len(value)), np.nan)
    parts = [spread(drawn) for drawn in draws(len(columns), resamples, rng)]
    values, errors = (np.concatenate(part) for part in zip(*parts, strict=True))
    wider, (of_ratios, of_values) = _wider(columns, sizes, statistics), _stretches(sizes)
    for number in np.flatnonzero(error > 0):
        usable = errors[:, number] > 0
        if usable.mean() < 1 - SPREADLESS:
            away = np.quantile(values[:, number], TAILS) - value[number]
            found[:, number] = value[number] + away * of_values * wider[number] / error[number]
            continue
        ratios = (values[usable, number] - value[number]) / errors[usable, number]
        found[:, number] = value[number] - np.quantile(ratios, TAILS)[::-1] * of_ratios * wider[number]
    return found


def _stretches(sizes: Float64[np.ndarray, " g"]) -> tuple[float, float]:
    """What quantiles of ratios, and percentiles' distances from the value, are multiplied by."""
    freedom = max(effective(sizes) - 1, 1)  # where one group is as good as all there would be none
    quantile = stdtrit(freedom, TAILS[1])
    return float(quantile / stdtrit(len(sizes) - 1, TAILS[1])), float(quantile / ndtri(TAILS[1]))


def _wider(
    columns: Float64[np.ndarray, "g K"], sizes: Float64[np.ndarray, " g"], statistics: Statistics
) -> Float64[np.ndarray, " m"]:
    """Standard errors from the influences that groups have when they are left out (CR3)."""
    _, slopes = statistics(columns.sum(axis=0, keepdims=True))
    influences = (slopes[0] @ columns.T) / (1 - sizes / sizes.sum())
    return np.sqrt((influences**2).sum(axis=1))


class _Spread:
    """Values and standard errors of statistics of drawn groups; holds the products of the groups' sums."""

    def __init__(self, columns: Float64[np.ndarray, "g K"], statistics: Statistics) -> None:
        self.columns, self.statistics = columns, statistics
        self.rows, self.lines = np.triu_indices(columns.shape[1])
        self.products = columns[:, self.rows] * columns[:, self.lines]

    def __call__(self, drawn: np.ndarray) -> tuple[Values, Values]:
        weights = drawn.astype(np.float64)
        values, slopes = self.statistics(weights @ self.columns)
        added = weights @ self.products
        squares = np.empty((len(weights), *2 * self.columns.shape[1:]))
        squares[:, self.rows, self.lines] = squares[:, self.lines, self.rows] = added
        variance = ((slopes @ squares) * slopes).sum(axis=-1)
        largest = (slopes**2 * np.diagonal(squares, axis1=1, axis2=2)[:, None]).sum(axis=-1)
        return values, np.sqrt(np.where(variance > ROUNDING * largest, variance, 0))
