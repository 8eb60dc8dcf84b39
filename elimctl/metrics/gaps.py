"""How far apart the scores of several parts of a split are, at most, and how sure that is.

The two parts that lie furthest apart do so by chance, too: of several parts that do not differ, some pair
always seems to. So the interval of the widest gap is one that holds for all pairs at once: its width is the
quantile of the largest studentised deviation over all pairs, resample by resample.

Source: Westfall & Young 1993, section 2.5 (the largest of studentised statistics of resamples).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from elimctl.metrics.bootstrap import LEVEL, ROUNDING, Statistics, draws

RESAMPLES = 2000  # at most; the quantile of one number of each is known well enough from so many
BUNDLES = 300  # of identities that are drawn, as `studentised.bundled` has them
HELD = 1 << 22  # numbers held at once, 32 MB


class Gaps(NamedTuple):
    """The widest gap of each of m statistics.

    Args:
        gap: largest value less smallest; NaN where fewer than two parts count.
        largest: part with the largest value.
        smallest: part with the smallest.
        ends: ends of the 95 % interval of their difference; NaN where there is none.
    """

    gap: Float64[np.ndarray, " m"]
    largest: Int64[np.ndarray, " m"]
    smallest: Int64[np.ndarray, " m"]
    ends: Float64[np.ndarray, "2 m"]


class _Drawn(NamedTuple):
    """Differences of resamples (c, m, P, P), with their standard errors, 0 where there is none."""

    differences: Float64[np.ndarray, "c m P P"]
    errors: Float64[np.ndarray, "c m P P"]


def aligned(
    groups: Sequence[Int64[np.ndarray, " _"]], columns: Sequence[Float64[np.ndarray, "_ K"]], *, seed: int = 0
) -> Float64[np.ndarray, "P b K"]:
    """Sums of the groups of several parts as `widest` takes them, 0 where a part has nothing of a group.

    Of more than `BUNDLES` groups as many bundles are made, at random, the same ones for all parts: memory
    does not grow with parts times groups.

    Args:
        groups: codes of each part's own groups (identities), each once.
        columns: sums of these.
        seed: of the bundles.
    """
    everybody = np.unique(np.concatenate(groups))
    size = min(len(everybody), BUNDLES)
    bundle = np.arange(len(everybody)) * size // len(everybody)
    if size < len(everybody):
        bundle = np.random.default_rng([seed, 1]).permutation(bundle)  # not the stream that resamples are of
    found = np.zeros((len(groups), size, columns[0].shape[1]))
    for place, own, added in zip(found, groups, columns, strict=True):
        np.add.at(place, bundle[np.searchsorted(everybody, own)], added)
    return found


def widest(
    columns: Float64[np.ndarray, "P g K"],
    statistics: Statistics,
    telling: Bool[np.ndarray, "P m"],
    *,
    most: Float[np.ndarray, " m"],
    sure: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Gaps:
    """The widest gap between parts, for each of some statistics.

    Args:
        columns: sums of each group of samples (identity) in each part, as `aligned` gives them; 0 where it
            has none there.
        statistics: of totals of the columns, as `studentised.studentised` takes them.
        telling: which parts count for which statistic.
        most: that a gap of each statistic can be; intervals end there.
        sure: whether intervals are wanted.
        resamples: number of resamples, of which at most `RESAMPLES` are made.
        seed: of the draws.
    """
    values = statistics(columns.sum(axis=1))[0]
    largest = np.where(telling, values, -np.inf).argmax(axis=0)
    smallest = np.where(telling, values, np.inf).argmin(axis=0)
    number = np.arange(values.shape[1])
    gap = np.where(telling.sum(axis=0) > 1, values[largest, number] - values[smallest, number], np.nan)
    ends = np.full((2, len(gap)), np.nan)
    if sure:
        width = _width(columns, statistics, telling, largest, smallest, min(resamples, RESAMPLES), seed)
        ends = np.clip(gap + np.array([-1, 1])[:, None] * width, -most, most)
    return Gaps(gap, largest, smallest, ends)


def _width(
    columns: Float64[np.ndarray, "P g K"],
    statistics: Statistics,
    telling: Bool[np.ndarray, "P m"],
    largest: Int64[np.ndarray, " m"],
    smallest: Int64[np.ndarray, " m"],
    resamples: int,
    seed: int,
) -> Float64[np.ndarray, " m"]:
    """Half the width of the intervals of the differences between two parts, NaN where there is none."""
    rng = np.random.default_rng(seed)
    groups, number = columns.shape[1], np.arange(telling.shape[1])
    own = _drawn(np.ones((1, groups)), columns, statistics)
    pairs = telling.T[:, :, None] & telling.T[:, None]
    size = max(1, HELD // (telling.size * max(groups, len(telling))))
    found = []
    for weights in draws(groups, resamples, rng, chunk=size):
        drawn = _drawn(weights, columns, statistics)
        usable = pairs & (drawn.errors > 0)
        away = np.abs(drawn.differences - own.differences)
        ratios = np.divide(away, drawn.errors, out=np.zeros(away.shape), where=usable)
        found.append(ratios.max(axis=(2, 3)))
    width = np.quantile(np.concatenate(found), LEVEL, axis=0) * own.errors[0, number, largest, smallest]
    return np.where(width > 0, width, np.nan)


def _drawn(
    weights: Float[np.ndarray, "c g"] | Int64[np.ndarray, "c g"],
    columns: Float64[np.ndarray, "P g K"],
    statistics: Statistics,
) -> _Drawn:
    """Differences between parts of weighted groups, and their standard errors by the sandwich."""
    weights = weights.astype(np.float64)
    present = weights @ columns.any(axis=2).T > 0  # a part of which no group was drawn has no score
    totals = np.einsum("cg,pgk->cpk", weights, columns, optimize=True)
    totals = np.where(present[..., None], totals, columns.sum(axis=1))
    values, slopes = statistics(totals.reshape(-1, totals.shape[2]))
    values = values.reshape(*present.shape, -1).transpose(0, 2, 1)
    slopes = slopes.reshape(*present.shape, -1, totals.shape[2])
    influences = (slopes @ columns.transpose(0, 2, 1)).transpose(0, 2, 1, 3)  # (c, m, P, g)
    shares = influences * np.sqrt(weights)[:, None, None]
    products = shares @ shares.swapaxes(2, 3)
    own = np.diagonal(products, axis1=2, axis2=3)
    squares = own[..., :, None] + own[..., None, :]
    variance = np.where(squares - 2 * products > ROUNDING * squares, squares - 2 * products, 0)
    both = present[:, None, :, None] & present[:, None, None]
    return _Drawn(values[..., :, None] - values[..., None, :], np.sqrt(variance) * both)
