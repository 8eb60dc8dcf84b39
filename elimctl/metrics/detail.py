"""What goes with the scores of a split: how sure they are, and what they are clip by clip."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int, Num

from elimctl.manifest.grouping import Groups
from elimctl.manifest.row import NO_GROUP
from elimctl.metrics.bootstrap import FEWEST, RESAMPLES, effective, listed
from elimctl.metrics.class_intervals import class_intervals
from elimctl.metrics.classes import confusions
from elimctl.metrics.groups import GroupScores, group_scores
from elimctl.metrics.intervals import intervals
from elimctl.metrics.moments import in_batches
from elimctl.metrics.predictions import PredictionTable
from elimctl.metrics.rates import RATES
from elimctl.metrics.score import MOMENT_METRICS, MetricOptions, score
from elimctl.metrics.sums import names_of, sums, undefined
from elimctl.metrics.table import AXES, METRICS
from elimctl.text import counted

# The forms of the published code, and the size of its evaluation batches (methods.md A.10 rows 26 to 28; its
# second version has 64).
REFERENCE = MetricOptions(rmse="batch_mean", sagr_zero="never", moments="reference")
REFERENCE_BATCH = 512

# A value for each axis and metric, by name; None where there is none.
Cells = dict[str, dict[str, Any]]

# Identities of equal size; intervals of more hold the truth in 93 % and more (docs/evaluation.md).
FEW = 8


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are made.

    Args:
        resamples: number of resamples, >= 1.
        seed: of the draws.
    """

    resamples: int = RESAMPLES
    seed: int = 0


@dataclass(frozen=True, slots=True)
class GroupMeans:
    """Means of scores that identities or clips have alone.

    Args:
        groups: number of groups.
        left_out: groups that do not count, by axis and metric; see `groups.GroupScores`.
        means: over those that count; None where none does.
    """

    groups: int
    left_out: Cells
    means: Cells


@dataclass(frozen=True, slots=True)
class Detail:
    """What goes with scores of valence and arousal.

    Args:
        identities: number of identities, the samples of none together counting as one.
        effective_identities: how many of equal size weigh as much, see `studentised.effective`.
        unidentified: samples of no identity, of an age outside all groups.
        clips: number of clips; what two identities have in one are two.
        undefined: scores that are 0 because they are not defined, as `valence.pcc`.
        no_interval: why there are no intervals at all, None where there are.
        resampling: how intervals were made.
        intervals: [low, high] by axis and metric; None where there is none.
        per_identity: means over identities.
        per_clip: means over clips.
        reference: scores by the formulas of the published code, with the size of its batches; None unless
            they were asked for.
    """

    identities: int
    effective_identities: float
    unidentified: int
    clips: int
    undefined: list[str]
    no_interval: str | None
    resampling: Resampling
    intervals: Cells
    per_identity: GroupMeans
    per_clip: GroupMeans
    reference: dict[str, Any] | None = None

    def by_reference(self, axis: str, metric: str) -> float | None:
        """A score by the formulas of the published code; None if it has none, or if it is not defined.

        Its PCC is 0 / 0 where ours is; CCC and SAGR are where ours are, but for labels of 0, which never
        agree by its formula and are not compared by `eval.sagr_zero=skip`.
        """
        if self.reference is None or (metric != "sagr" and f"{axis}.{metric}" in self.undefined):
            return None
        return self.reference[axis].get(metric)


@dataclass(frozen=True, slots=True)
class ClassDetail:
    """What goes with scores of classes.

    Args:
        identities: number of identities, as `Detail` has it; likewise the next two.
        effective_identities: how many of equal size weigh as much.
        unidentified: samples of no identity.
        clips: number of clips.
        no_interval: why there are no intervals at all, None where there are.
        resampling: how intervals were made.
        intervals: [low, high] of each rate; None where there is none.
    """

    identities: int
    effective_identities: float
    unidentified: int
    clips: int
    no_interval: str | None
    resampling: Resampling
    intervals: dict[str, list[float] | None]


AnyDetail = Detail | ClassDetail


def detail(
    table: PredictionTable,
    options: MetricOptions,
    resampling: Resampling,
    *,
    reference: bool = False,
) -> AnyDetail:
    """Intervals and means over groups of saved predictions.

    Args:
        table: the predictions.
        options: the forms of the scores that this goes with. Intervals and means over groups are of RMSE of
            all samples and of population moments; where another form was chosen there are none.
        resampling: how intervals are made.
        reference: whether to add the scores by the formulas of the published code; of classes it has none.
    """
    of = table.identities
    sizes = np.bincount(of.code, minlength=len(of))
    if table.classes:
        return ClassDetail(
            identities=len(of),
            effective_identities=effective(sizes),
            unidentified=_unidentified(of, sizes),
            clips=len(table.clips),
            no_interval=no_interval(len(of)),
            resampling=resampling,
            intervals=_class_intervals(table, resampling),
        )
    added = sums(table.preds, table.target, of.code, groups=len(of), zero=options.sagr_zero)
    ends = intervals(added, resamples=resampling.resamples, seed=resampling.seed)
    shown = has_intervals(options)
    lacking = undefined(added.sum(axis=0))
    ends[:, lacking | ~shown[:, None]] = np.nan
    per_identity, per_clip = (
        _means(group_scores(table.preds, table.target, groups, zero=options.sagr_zero), shown)
        for groups in (of, table.clips)
    )
    return Detail(
        identities=len(of),
        effective_identities=effective(sizes),
        unidentified=_unidentified(of, sizes),
        clips=len(table.clips),
        no_interval=no_interval(len(of)),
        resampling=resampling,
        undefined=names_of(lacking),
        intervals=cells(np.moveaxis(ends, 0, -1)),
        per_identity=per_identity,
        per_clip=per_clip,
        reference=reference_scores(table) if reference else None,
    )


def reference_scores(table: PredictionTable) -> dict[str, Any]:
    """Scores by the formulas of the published code, with what its RMSE depends on: the size of its batches.

    The batches are of rows in the order of the manifest; the published code shuffles them.
    """
    moments = in_batches(table.preds, table.target, size=REFERENCE_BATCH)
    found = score(moments, REFERENCE, split="").cells
    return {"batch_size": REFERENCE_BATCH, **REFERENCE.model_dump(), **found}


def few(found: AnyDetail) -> str | None:
    """Why intervals may be too narrow; None where they are wide enough, or where there are none."""
    equal = found.effective_identities
    if found.no_interval or equal >= FEW:
        return None
    weigh = "are few" if round(equal) >= found.identities else f"weigh like {equal:.0f} equal ones"
    return f"the {found.identities:,} identities {weigh}: intervals may be too narrow"


def no_interval(identities: int) -> str | None:
    """Why there is no interval over so many identities, None where there is one."""
    if identities >= FEWEST:
        return None
    if identities == 1:
        return "one identity: no interval"
    return f"{counted(identities, 'identity', 'identities')}: no interval, at least {FEWEST} wanted"


def has_intervals(options: MetricOptions) -> Bool[np.ndarray, " m"]:
    """Which of `table.METRICS` are of the form that intervals, and means over groups, are of."""
    other = {"rmse"} if options.rmse != "global" else set()
    if options.moments != "population":
        other |= set(MOMENT_METRICS)
    return np.array([metric not in other for metric in METRICS])


def cells(values: Num[np.ndarray, "m 3 *v"]) -> Cells:
    """Numbers by axis and metric, None for those that are NaN."""
    return {
        axis: {
            metric: None if np.isnan(values[line, column]).any() else values[line, column].tolist()
            for line, metric in enumerate(METRICS)
        }
        for column, axis in enumerate(AXES)
    }


def rate_ends(ends: Float64[np.ndarray, "2 m"]) -> dict[str, list[float] | None]:
    """Intervals of classes by rate, None for those that there are not."""
    return {name: listed(found) for name, found in zip(RATES, ends.T, strict=True)}


def _unidentified(identities: Groups, sizes: Int[np.ndarray, " g"]) -> int:
    """Samples that the manifest gives no identity."""
    return int(sizes[identities.names.index(NO_GROUP)]) if NO_GROUP in identities.names else 0


def _class_intervals(table: PredictionTable, resampling: Resampling) -> dict[str, list[float] | None]:
    of = table.identities
    counted = confusions(table.target, table.preds, of.code, groups=len(of), classes=len(table.classes))
    ends = class_intervals(counted, resamples=resampling.resamples, seed=resampling.seed)
    return rate_ends(ends)


def _means(scores: GroupScores, shown: np.ndarray) -> GroupMeans:
    left_out = cells(scores.left_out)
    means = cells(np.where(shown[:, None], scores.means, np.nan))
    return GroupMeans(len(scores.names), {axis: left_out[axis] for axis in AXES[:2]}, means)
