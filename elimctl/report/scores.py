"""Scores of runs, side by side, and their differences."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from elimctl.config import Values
from elimctl.errors import DataError
from elimctl.evaluate.classes import RATES
from elimctl.evaluate.compare import Change, Comparison, compare
from elimctl.evaluate.detail import Resampling
from elimctl.evaluate.sums import AXES
from elimctl.report.subject import FORMS, Subject
from elimctl.report.tables import METRIC_NAMES, Cell, Column, Table, count, interval, score, signed

SHOWN = ("ccc", "pcc", "sagr", "rmse", "mae")  # metrics, in the order of the columns


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
            yield _by_fold(place, subject, subject.pooled.record)


def comparisons(subjects: Sequence[Subject], resampling: Resampling) -> Iterator[Comparison | str]:
    """Each run less the first; a sentence instead where these two cannot be compared."""
    first = subjects[0]
    for subject in subjects[1:]:
        try:
            yield compare(first.table, subject.table, resampling)
        except DataError as error:
            yield error.message


def difference_tables(found: Sequence[Comparison]) -> Iterator[Table]:
    """Differences as tables, those of valence and arousal and those of classes apart."""
    for of_classes, group in groupby(found, key=lambda one: one.changes[0].axis is None):
        yield _differences(list(group), RATES if of_classes else SHOWN)


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
        notes=(f"{_drawn(subjects)} Of RMSE and MAE less is better. Forms of the metrics: {forms}.",),
    )


def _other_ways(subjects: Sequence[Subject]) -> Table:
    """Means over identities and clips, and the published code's formulas, of both axes and their mean."""
    rows = []
    for subject in subjects:
        found = subject.axis_detail()
        ways = {
            f"mean over identities ({found.per_identity.groups:,})": found.per_identity.means,
            f"mean over clips ({found.per_clip.groups:,})": found.per_clip.means,
            "public code\N{RIGHT SINGLE QUOTATION MARK}s formulas": found.reference,
        }
        for way, means in ways.items():
            if means is None:
                continue
            for axis in AXES if len(subjects) == 1 else ("mean",):
                cells = [score(means[axis].get(metric)) for metric in SHOWN]
                rows.append([*names(subject, subjects), Cell(way), Cell(axis), *cells])
    return Table(
        "other-scores",
        "The same scores counted in other ways",
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
            "The formulas of the public code, with which published numbers were computed, take unbiased "
            "moments, count a label of 0 as a wrong sign, and average RMSE over batches.",
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


def _by_fold(place: int, subject: Subject, record: Values) -> Table:
    """The scores of each fold of a cross-validation, and their mean and spread."""
    keys: list[tuple[str, ...]] = [("mean", metric) for metric in SHOWN]
    if subject.learns_classes:
        keys = [(rate,) for rate in RATES]
    rows = []
    for fold in record["folds"]:
        cells = [score(_at(fold, key), note=interval(_at(fold["intervals"], key))) for key in keys]
        heads = [Cell(f"fold {fold['fold']}"), Cell(fold["run"]), count(fold["count"])]
        rows.append([*heads, count(fold["identities"]), *cells])
    for title, which in (("mean of the folds", "mean"), ("their standard deviation", "spread")):
        cells = [score(_at(record["over_folds"], key)[which]) for key in keys]
        rows.append([Cell(title), Cell(""), Cell(""), Cell(""), *cells])
    return Table(
        f"folds-{place}",
        f"Fold by fold, {subject.name}" + ("" if subject.learns_classes else ": means of both axes"),
        [
            *(Column(title, numeric=False) for title in ("held out", "run")),
            *map(Column, ("samples", "identities")),
            *(_column(key[-1]) for key in keys),
        ],
        rows,
        notes=(
            "The scores above are of all folds pooled, each sample predicted by the run that did not see it.",
        ),
    )


def _at(values: Values, place: Sequence[str]) -> Any:
    """A value by its nested keys, None where one of them has none."""
    for key in place:
        values = values[key]
    return values


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
        ),
    )


def _difference(change: Change) -> Cell:
    if change.low is None or change.high is None:
        return Cell(signed(change.difference), change.difference)
    ends = f"{signed(change.low)} to {signed(change.high)}"
    if not change.real:
        return Cell(signed(change.difference), change.difference, ends)
    word, tone = ("better", "good") if change.better else ("worse", "bad")
    return Cell(f"{signed(change.difference)} {word}", change.difference, ends, tone)


def _drawn(subjects: Sequence[Subject]) -> str:
    """How the intervals were made, or why there are none."""
    if all(subject.detail.no_interval for subject in subjects):
        return f"No 95 % intervals: {subjects[0].detail.no_interval}."
    made = subjects[0].detail.resampling
    how = f"from {made.resamples:,} resamples of whole identities (seed {made.seed})"
    return f"Below each score its 95 % interval, {how}."


def _why(subject: Subject, axis: str, metric: str) -> str:
    """Why there is no score."""
    return "not defined" if f"{axis}.{metric}" in subject.axis_detail().undefined else ""


def _column(metric: str) -> Column:
    return Column(METRIC_NAMES[metric])


def heads(subjects: Sequence[Subject]) -> list[Column]:
    """The column of runs, where there are several."""
    return [Column("run", numeric=False)] if len(subjects) > 1 else []


def names(subject: Subject, subjects: Sequence[Subject]) -> list[Cell]:
    """A run's cell in that column."""
    return [Cell(subject.name)] if len(subjects) > 1 else []
