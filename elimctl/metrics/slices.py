"""Scores of parts of a split: what a model is worth for one kind of sample and for another."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from elimctl.metrics.binning import UNKNOWN, Parts
from elimctl.metrics.bootstrap import FEWEST, Statistics, listed
from elimctl.metrics.class_intervals import class_intervals, rate_statistics
from elimctl.metrics.classes import confusions
from elimctl.metrics.detail import Resampling, cells, rate_ends
from elimctl.metrics.gaps import Gaps, aligned, widest
from elimctl.metrics.intervals import HIGHEST, LOWEST, axis_statistics, intervals
from elimctl.metrics.predictions import PredictionTable
from elimctl.metrics.rates import RATES, marginals, rates
from elimctl.metrics.score import remark, summed_forms
from elimctl.metrics.sums import names_of, scores_of, sums, telling, undefined
from elimctl.metrics.table import AXES, METRICS

ENOUGH = 30  # samples of a slice that gaps are measured between
RESAMPLES = 2000  # of each slice at most: there may be many


@dataclass(frozen=True, slots=True)
class Slice:
    """Scores of one part.

    Args:
        name: of the part.
        count: number of samples.
        identities: number of identities.
        scores: by axis and metric, or by rate.
        undefined: scores that are 0 because they are not defined, as `valence.pcc`.
        intervals: [low, high] of each score, over identities; None where there is none.
    """

    name: str
    count: int
    identities: int
    scores: dict[str, Any]
    undefined: list[str]
    intervals: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """Distance of the two slices that lie furthest apart.

    Args:
        largest: name of the slice with the largest score.
        smallest: name of that with the smallest.
        gap: difference of both scores.
        low: lower end of its 95 % interval, which allows for their having been chosen among several (see
            `gaps`); None where there is none.
        high: upper end.
    """

    largest: str
    smallest: str
    gap: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Slices:
    """A split, part by part.

    Args:
        column: of the manifest, by which the split is cut.
        slices: the parts, those without a value last.
        compared: names of the slices that gaps are measured between: known, of `ENOUGH` samples and `FEWEST`
            identities; of `ENOUGH` samples alone where fewer than two are, and then there is no interval.
        gaps: by axis and metric, or by rate; None where fewer than two slices have the score. Slices of
            constant labels have no PCC and no CCC here.
        resampling: how intervals were made.
        forms: of the metrics, see `forms.summed_forms`; of classes there are none.
        remark: which of them the split was not scored in, None where it was in all.
    """

    column: str
    slices: list[Slice]
    compared: list[str]
    gaps: dict[str, Any]
    resampling: Resampling
    forms: dict[str, Any]
    remark: str | None


class _Part(NamedTuple):
    """A slice in numbers.

    Args:
        slice: what is told of it.
        columns: (g, K) sums of its identities.
        identity: (g,) their codes.
        telling: (m,) which scores can be compared with those of others.
    """

    slice: Slice
    columns: Float64[np.ndarray, "g K"]
    identity: Int64[np.ndarray, " g"]
    telling: Bool[np.ndarray, " m"]


def slices(
    table: PredictionTable, parts: Parts, column: str, resampling: Resampling, *, enough: int = ENOUGH
) -> Slices:
    """Score the parts of a split.

    Args:
        table: the predictions.
        parts: part of each of its samples.
        column: what they were cut by.
        resampling: how intervals are made; of more resamples `RESAMPLES` are made.
        enough: samples of a slice that gaps are measured between.
    """
    resampling = Resampling(min(resampling.resamples, RESAMPLES), resampling.seed)
    order = np.argsort(parts.code, kind="stable")
    own = np.split(order, np.cumsum(np.bincount(parts.code, minlength=len(parts.names)))[:-1])
    of_part = _of_classes if table.classes else _of_axes
    found = [of_part(table, rows, name, resampling) for rows, name in zip(own, parts.names, strict=True)]
    compared = [part for part in found if part.slice.name != UNKNOWN and part.slice.count >= enough]
    several = [part for part in compared if part.slice.identities >= FEWEST]
    sure = len(several) > 1
    compared = several if sure else compared
    return Slices(
        column=column,
        slices=[part.slice for part in found],
        compared=[part.slice.name for part in compared],
        gaps=_gaps(compared, table, resampling, sure=sure),
        resampling=resampling,
        forms={} if table.classes else summed_forms(table).model_dump(),
        remark=None if table.classes else remark(table),
    )


def _of_axes(
    table: PredictionTable, rows: Int64[np.ndarray, " r"], name: str, resampling: Resampling
) -> _Part:
    identity, code = np.unique(table.identities.code[rows], return_inverse=True)
    zero = summed_forms(table).sagr_zero
    added = sums(table.preds[rows], table.target[rows], code, groups=len(identity), zero=zero)
    total = added.sum(axis=0)
    lacking = undefined(total)
    ends = intervals(added, resamples=resampling.resamples, seed=resampling.seed)
    ends[:, lacking] = np.nan
    return _Part(
        Slice(
            name=name,
            count=len(rows),
            identities=len(identity),
            scores=cells(scores_of(total)),
            undefined=names_of(lacking),
            intervals=cells(np.moveaxis(ends, 0, -1)),
        ),
        added.reshape(len(identity), -1),
        identity,
        (telling(total) & ~lacking).reshape(-1),
    )


def _of_classes(
    table: PredictionTable, rows: Int64[np.ndarray, " r"], name: str, resampling: Resampling
) -> _Part:
    identity, code = np.unique(table.identities.code[rows], return_inverse=True)
    counted = confusions(
        table.target[rows], table.preds[rows], code, groups=len(identity), classes=len(table.classes)
    )
    ends = class_intervals(counted, resamples=resampling.resamples, seed=resampling.seed)
    found = rates(marginals(counted.sum(axis=0)))
    return _Part(
        Slice(
            name=name,
            count=len(rows),
            identities=len(identity),
            scores=dict(zip(RATES, found.tolist(), strict=True)),
            undefined=[],
            intervals=rate_ends(ends),
        ),
        marginals(counted).reshape(len(identity), -1),
        identity,
        np.ones(len(RATES), bool),
    )


def _gaps(
    compared: list[_Part], table: PredictionTable, resampling: Resampling, *, sure: bool
) -> dict[str, Any]:
    """The widest gap of each score."""
    names = [part.slice.name for part in compared]
    scores = len(RATES) if table.classes else len(METRICS) * len(AXES)
    gaps: list[Gap | None] = [None] * scores
    if len(compared) > 1:
        statistics: Statistics = rate_statistics if table.classes else axis_statistics
        most = np.ones(scores) if table.classes else np.tile(HIGHEST - LOWEST, len(AXES)).ravel()
        found = widest(
            _columns(compared, resampling.seed, sure=sure),
            statistics,
            np.stack([part.telling for part in compared]),
            most=most,
            sure=sure,
            resamples=resampling.resamples,
            seed=resampling.seed,
        )
        gaps = [_gap(found, number, names) for number in range(scores)]
    if table.classes:
        return dict(zip(RATES, gaps, strict=True))
    by_metric = [gaps[start : start + len(AXES)] for start in range(0, scores, len(AXES))]
    return {
        axis: {metric: row[place] for metric, row in zip(METRICS, by_metric, strict=True)}
        for place, axis in enumerate(AXES)
    }


def _columns(compared: list[_Part], seed: int, *, sure: bool) -> Float64[np.ndarray, "P b K"]:
    """Sums of identities in every slice; of all together where there is no interval to draw them for."""
    if not sure:
        return np.stack([part.columns.sum(axis=0, keepdims=True) for part in compared])
    return aligned([part.identity for part in compared], [part.columns for part in compared], seed=seed)


def _gap(found: Gaps, number: int, names: list[str]) -> Gap | None:
    if np.isnan(found.gap[number]):
        return None
    low, high = listed(found.ends[:, number]) or (None, None)
    return Gap(
        largest=names[found.largest[number]],
        smallest=names[found.smallest[number]],
        gap=float(found.gap[number]),
        low=low,
        high=high,
    )
