"""Scores of runs, side by side, and their differences."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from elimctl.errors import DataError
from elimctl.metrics.bootstrap import MANY
from elimctl.metrics.compare import Change, Comparison, compare
from elimctl.metrics.detail import Resampling
from elimctl.metrics.rates import RATES
from elimctl.metrics.table import AXES, TITLES
from elimctl.report import folds
from elimctl.report.subject import FORMS, Subject
from elimctl.report.tables import (
    NOT_DEFINED,
    SHOWN,
    Cell,
    Column,
    Table,
    interval,
    score,
    signed,
    signed_interval,
)


def tables(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Scores of all runs: of valence and arousal, and of classes."""
    axes = [subject for subject in subjects if not subject.learns_classes]
    classes = [subject for subject in subjects if subject.learns_classes]
    if axes:
        yield _of_axes(axes)
        yield _other_ways(axes)
    if classes:
        yield _of_classes(classes)
    for place, subject in enumerate(subjects):
        if subject.pooled is not None:
            yield folds.table(place, subject, subject.pooled)


def comparisons(subjects: Sequence[Subject], resampling: Resampling) -> Iterator[Comparison | str]:
    """Each run less the first; a sentence instead where these two cannot be compared.

    Args:
        subjects: the runs, at least one.
        resampling: how intervals are made.

    Raises:
        StoreError: predictions do not say what they are of.
    """
    first = subjects[0]
    for subject in subjects[1:]:
        try:
            found = compare(first.table, subject.table, resampling)
            yield replace(found, a=first.name, b=subject.name)  # folders may have been renamed since
        except DataError as error:
            yield error.message


def difference_tables(found: Sequence[Comparison]) -> Iterator[Table]:
    """Differences as tables, those of valence and arousal and those of classes apart."""
    for of_classes, group in groupby(found, key=lambda one: one.changes[0].axis is None):
        yield _differences(list(group), tuple(RATES) if of_classes else SHOWN)


def _of_axes(subjects: Sequence[Subject]) -> Table:
    rows = []
    for subject in subjects:
        ends = subject.axis_detail().intervals
        for axis in AXES:
            values = subject.scores[axis]
            cells = [
                score(values[metric], note=interval(ends[axis][metric]) or _why(subject, axis, metric))
                for metric in SHOWN
            ]
            rows.append([*names(subject, subjects), Cell(axis), *cells])
    forms = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in FORMS.model_dump().items())
    return Table(
        "scores",
        "Scores of all samples together",
        [*heads(subjects), Column("axis", numeric=False), *map(_column, SHOWN)],
        rows,
        notes=(f"{_drawn(subjects)} Lower RMSE and MAE are better. Forms of the metrics: {forms}.",),
    )


def _other_ways(subjects: Sequence[Subject]) -> Table:
    """Means over identities and clips, and the published code's formulas, of both axes and their mean."""
    rows = []
    for subject in subjects:
        found = subject.axis_detail()
        shown = AXES if len(subjects) == 1 else ("mean",)
        groups = {"identities": found.per_identity, "clips": found.per_clip}
        rows += [
            [
                *names(subject, subjects),
                Cell(f"mean over {of} ({part.groups:,})"),
                Cell(axis),
                *(score(part.means[axis].get(metric)) for metric in SHOWN),
            ]
            for of, part in groups.items()
            for axis in shown
        ]
        if found.reference is None:
            continue
        rows += [
            [
                *names(subject, subjects),
                Cell("formulas of ELIM\N{RIGHT SINGLE QUOTATION MARK}s public code"),
                Cell(axis),
                *(_by_reference(subject, axis, metric) for metric in SHOWN),
            ]
            for axis in shown
        ]
    return Table(
        "other-scores",
        "Means over groups and other formulas",
        [
            *heads(subjects),
            Column("how", numeric=False),
            Column("axis", numeric=False),
            *map(_column, SHOWN),
        ],
        rows,
        notes=(
            "An identity or clip with fewer than three samples, or whose labels never vary, has no "
            "correlation and does not count in the mean of PCC and CCC.",
            "The public code of ELIM\N{RIGHT SINGLE QUOTATION MARK}s authors divides a covariance over "
            "n \N{MINUS SIGN} 1 by variances over n, so that PCC and CCC can exceed 1 where there are few "
            "samples; it counts a label of 0 as a wrong sign, and averages RMSE over batches.",
        ),
    )


def _of_classes(subjects: Sequence[Subject]) -> Table:
    rows = [
        [
            Cell(subject.name),
            *(
                score(subject.scores[""][rate], note=interval(subject.class_detail().intervals[rate]))
                for rate in RATES
            ),
        ]
        for subject in subjects
    ]
    return Table(
        "class-scores",
        "Scores of classes of expression",
        [Column("run", numeric=False), *map(_column, RATES)],
        rows,
        notes=(_drawn(subjects),),
    )


def _differences(found: Sequence[Comparison], metrics: Sequence[str]) -> Table:
    rows = []
    for comparison in found:
        for axis in dict.fromkeys(change.axis for change in comparison.changes):
            by_metric = {change.metric: change for change in comparison.changes if change.axis == axis}
            cells = [_difference(by_metric[metric]) for metric in metrics]
            pair = f"{comparison.b} less {comparison.a}"
            rows.append([Cell(pair), *([Cell(axis)] if axis else []), *cells])
    axis_head = [Column("axis", numeric=False)] if metrics is SHOWN else []
    return Table(
        "differences" if axis_head else "class-differences",
        "Differences between runs on the same samples",
        [Column("runs", numeric=False), *axis_head, *map(_column, metrics)],
        rows,
        notes=(
            "Below each difference its 95 % interval; the same identities are drawn for both runs. A "
            "difference is called better or worse only where its interval excludes 0.",
            _by_chance(sum(len(comparison.changes) for comparison in found)),
        ),
    )


def _by_chance(count: int) -> str:
    """How many of so many differences are called real though they are not."""
    return (
        "Of twenty differences that are truly 0, about one is called better or worse by chance; "
        f"there are {count:,} in this table, and no interval allows for the others."
    )


def _difference(change: Change) -> Cell:
    if change.undefined:
        return NOT_DEFINED
    if change.low is None or change.high is None:
        return Cell(signed(change.difference), change.difference)
    ends = signed_interval([change.low, change.high])
    if not change.real:
        return Cell(signed(change.difference), change.difference, ends)
    word, tone = ("better", "good") if change.better else ("worse", "bad")
    return Cell(f"{signed(change.difference)} {word}", change.difference, ends, tone)


def _drawn(subjects: Sequence[Subject]) -> str:
    """How the intervals were made, or why there are none."""
    if all(subject.detail.no_interval for subject in subjects):
        return f"No 95 % intervals: {subjects[0].detail.no_interval}."
    made = subjects[0].detail.resampling
    hows = {
        True: "from leaving out each identity in turn",
        False: f"from {made.resamples:,} resamples of whole identities (seed {made.seed})",
    }
    how = " or ".join(hows[few] for few in sorted({one.detail.identities < MANY for one in subjects}))
    return f"Below each score its 95 % interval, {how}."


def _why(subject: Subject, axis: str, metric: str) -> str:
    """Why there is no score."""
    return "not defined" if f"{axis}.{metric}" in subject.axis_detail().undefined else ""


def _by_reference(subject: Subject, axis: str, metric: str) -> Cell:
    """A score by the public code's formulas."""
    value = subject.axis_detail().by_reference(axis, metric)
    return score(value, note="" if value is not None else _why(subject, axis, metric))


def _column(metric: str) -> Column:
    return Column(TITLES[metric])


def heads(subjects: Sequence[Subject]) -> list[Column]:
    """The column of runs, where there are several."""
    return [Column("run", numeric=False)] if len(subjects) > 1 else []


def names(subject: Subject, subjects: Sequence[Subject]) -> list[Cell]:
    """A run's cell in that column."""
    return [Cell(subject.name)] if len(subjects) > 1 else []
