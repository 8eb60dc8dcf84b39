"""Tables of the saved results of `elimctl eval --slice`, `--calibration`, `--invariance` and `--smooth`."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from elimctl.config import Values
from elimctl.errors import StoreError
from elimctl.metrics.binning import UNKNOWN
from elimctl.metrics.rates import RATES
from elimctl.metrics.table import AXES, TITLES
from elimctl.metrics.wording import gap_sentence, invariance_rows
from elimctl.report.scores import heads, names
from elimctl.report.subject import Subject
from elimctl.report.tables import (
    NOT_DEFINED,
    Cell,
    Column,
    Table,
    count,
    interval,
    score,
    signed,
    signed_interval,
)

# The analyses that `elimctl eval` keeps, by the option that makes them.
OPTIONS = {
    "slices": "--slice COLUMN",
    "calibration": "--calibration",
    "invariance": "--invariance",
    "smoothing": "--smooth",
}
SHOWN = ("ccc", "rmse")  # metrics of which the effect of smoothing is shown

# What an analysis found, for each run that has one.
Found = Sequence[tuple[Subject, Any]]


@dataclass(frozen=True, slots=True)
class Analyses:
    """What there is of saved analyses.

    Args:
        tables: of those that belong to the predictions that the page shows.
        notes: why others are not there, and what would make them.
        damaged: files that cannot be read, and what to do about it.
    """

    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def analyses(subjects: Sequence[Subject]) -> Analyses:
    """The saved analyses of all single runs; a damaged one is named and left out."""
    made = Analyses()
    absent: list[str] = []
    subjects = [subject for subject in subjects if subject.pooled is None]
    for name, option in OPTIONS.items() if subjects else ():
        own: list[tuple[Subject, Any]] = []
        without = []
        for subject in subjects:
            try:
                saved = _saved(subject, name, subjects)
            except StoreError as error:
                made.damaged.append(f"{error.message}: {error.hint}")
                continue
            if saved is None:
                without.append(subject.name)
            elif saved["protocol"] != subject.table.protocol:
                made.notes.append(
                    f"{name} of {subject.name} are of other predictions and left out; "
                    f"{_command(subject, option)} computes them again."
                )
            else:
                own.append((subject, saved[name]))
        if own:
            made.tables.extend(TABLES[name](own, subjects))
        if len(without) == len(subjects):
            absent.append(option)
        elif without:
            made.notes.append(f"{name}: not computed for {', '.join(without)}.")
    if absent:
        made.notes.append(f"Not computed: elimctl eval {', '.join(absent)}.")
    return made


def _saved(subject: Subject, name: str, subjects: Sequence[Subject]) -> Values | None:
    """An analysis of a run with the protocol that it was made under, None where there is none.

    Raises:
        StoreError: it is damaged: not JSON, or not what its table is made from.
    """
    path = subject.material.predictions.with_suffix(f".{name}.json")
    if not path.exists():
        return None
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        found = {"protocol": saved["protocol"], name: saved[name]}
        if found["protocol"] == subject.table.protocol:
            list(TABLES[name]([(subject, found[name])], subjects))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        again = _command(subject, OPTIONS[name])
        where = f"eval/{path.name} of {subject.name}"
        raise StoreError(f"{where} is damaged: {error!r}", hint=f"run {again} again, or remove it") from error
    return found


def _command(subject: Subject, option: str) -> str:
    split = "" if subject.split == "val" else f" --split {subject.split}"
    return f"elimctl eval --run {subject.name}{split} {option}"


def _slices(found: Found, subjects: Sequence[Subject]) -> Iterator[Table]:
    """A table for each column that runs were sliced by, valence and arousal apart from classes."""
    for of_classes in (False, True):
        own = [(subject, saved) for subject, saved in found if subject.learns_classes == of_classes]
        for column in dict.fromkeys(column for _, saved in own for column in saved):
            sliced = [(subject, saved[column]) for subject, saved in own if column in saved]
            rows = [
                [
                    Cell(part["name"]),
                    *names(subject, subjects),
                    count(part["count"]),
                    count(part["identities"]),
                    *(_rates(part) if of_classes else _cccs(part)),
                ]
                for subject, slices in sliced
                for part in slices["slices"]
            ]
            titles = [TITLES[rate] for rate in RATES] if of_classes else ["CCC", "valence", "arousal"]
            yield Table(
                f"{'class-' if of_classes else ''}slices-{column}",
                f"Scores by {column}",
                [
                    Column(column, numeric=False),
                    *heads(subjects),
                    *map(Column, ("samples", "identities", *titles)),
                ],
                rows,
                [_gap(subject, slices, subjects) for subject, slices in sliced],
                sortable=True,
                counted="slices",
            )


def _cccs(part: Values) -> list[Cell]:
    order = ("mean", "valence", "arousal")
    return [
        NOT_DEFINED
        if f"{axis}.ccc" in part["undefined"]
        else score(part["scores"][axis]["ccc"], note=interval(part["intervals"][axis]["ccc"]))
        for axis in order
    ]


def _rates(part: Values) -> list[Cell]:
    return [score(value, note=interval(part["intervals"][rate])) for rate, value in part["scores"].items()]


def _gap(subject: Subject, slices: Values, subjects: Sequence[Subject]) -> str:
    """The widest gap between slices, in words."""
    name, gap = ("accuracy", slices["gaps"].get("accuracy"))
    if not subject.learns_classes:
        name, gap = "CCC", slices["gaps"]["mean"]["ccc"]
    has_interval = gap is not None and gap["low"] is not None
    start = f"{subject.name}: " if len(subjects) > 1 else ""
    return start + gap_sentence(
        name,
        gap,
        compared=len(slices["compared"]),
        interval=interval([gap["low"], gap["high"]]) if has_interval else None,
        empty=all(part["name"] == UNKNOWN for part in slices["slices"]),
    )


def _calibration(found: Found, subjects: Sequence[Subject]) -> Iterator[Table]:
    """A row per run and axis: the line from predictions to labels."""
    yield Table(
        "calibration",
        "Calibration: regression of labels on predictions",
        [
            Column("of", numeric=False),
            *heads(subjects),
            *map(Column, ("slope", "intercept", "expected calibration error")),
        ],
        [
            [
                Cell(axis),
                *names(subject, subjects),
                score(one["slope"], note=interval(one["slope_interval"])),
                score(one["intercept"], note=interval(one["intercept_interval"])),
                score(one["error"]),
            ]
            for subject, by_axis in found
            for axis, one in by_axis.items()
        ],
        [
            "Calibrated predictions have slope 1 and intercept 0. A slope below 1 means that predictions are "
            "too extreme, above 1 that they are shrunk. Nothing is corrected."
        ],
    )


def _invariance(found: Found, subjects: Sequence[Subject]) -> Iterator[Table]:
    """How well identity can be recovered from features and predictions."""
    rows = []
    for subject, one in found:
        measures, spread = invariance_rows(one), one["spread"]
        if spread is not None:
            between, labels = spread["between"]["mean"], spread["of_labels"]["mean"]
            measures.append(("spread of predictions across identities at equal labels", between, labels))
        rows += [
            [Cell(words), *names(subject, subjects), score(value), score(chance)]
            for words, value, chance in measures
        ]
    yield Table(
        "invariance",
        "Identity invariance",
        [
            Column("measure", numeric=False),
            *heads(subjects),
            *map(Column, ("found", "chance, or labels")),
        ],
        rows,
        ["Lower is better. The spread is a standard deviation in the unit of the labels."],
    )


def _smoothing(found: Found, subjects: Sequence[Subject]) -> Iterator[Table]:
    """Scores before and after temporal smoothing."""
    rows = [
        [
            Cell(f"{TITLES[metric]} {axis}"),
            *names(subject, subjects),
            count(one["window"]),
            *(_scored(one[stage], axis, metric) for stage in ("before", "after")),
            _changed(one["difference"], axis, metric),
        ]
        for subject, one in found
        for metric in SHOWN
        for axis in AXES
    ]
    yield Table(
        "smoothing",
        "Smoothing over time",
        [
            Column("score", numeric=False),
            *heads(subjects),
            *map(Column, ("window, frames", "before", "after", "difference")),
        ],
        rows,
        ["The window was chosen on training clips only; 1 means no smoothing."],
    )


def _scored(stage: Values, axis: str, metric: str) -> Cell:
    """A score before or after smoothing, a dash where it is not defined."""
    if f"{axis}.{metric}" in stage.get("undefined", ()):
        return NOT_DEFINED
    return score(stage["scores"][axis][metric])


def _changed(change: Values, axis: str, metric: str) -> Cell:
    """A difference that smoothing makes, likewise."""
    if f"{axis}.{metric}" in change.get("undefined", ()):
        return NOT_DEFINED
    value = change["scores"][axis][metric]
    return Cell(signed(value), value, signed_interval(change["intervals"][axis][metric]))


TABLES = {
    "slices": _slices,
    "calibration": _calibration,
    "invariance": _invariance,
    "smoothing": _smoothing,
}
