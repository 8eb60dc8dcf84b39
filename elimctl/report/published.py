"""Published numbers on the dataset of a run, beside what the run has."""

import re
from collections.abc import Iterator, Sequence

from elimctl.experiments import published
from elimctl.experiments.published import Number
from elimctl.figures.pooled import Pooled
from elimctl.metrics.table import TITLES
from elimctl.report import folds
from elimctl.report.subject import Subject
from elimctl.report.summary import protocol
from elimctl.report.tables import Cell, Column, Table, interval, number

AXES = {"V": "valence", "A": "arousal", "mean": "mean"}
# Columns of valence and arousal, as `published.csv` calls them.
REGRESSION = [(metric, axis) for metric in ("CCC", "PCC", "SAGR", "RMSE") for axis in AXES]
CLASSES = [("accuracy_percent", "")]


def tables(
    subjects: Sequence[Subject], cards: dict[str, str], doubts: dict[str, str] | None = None
) -> Iterator[Table]:
    """A table for each dataset that papers have numbers on.

    Args:
        subjects: the runs.
        cards: for each prepared dataset the name that its authors gave it.
        doubts: why scores on a prepared dataset do not compare with published ones, for those where they do
            not.

    Raises:
        StoreError: the crossval.json of a cross-validation is damaged.
    """
    asked = dict.fromkeys(
        (cards[subject.dataset], subject.learns_classes) for subject in subjects if subject.dataset in cards
    )
    for place, (card, of_classes) in enumerate(asked):
        own = [one for one in subjects if (cards.get(one.dataset), one.learns_classes) == (card, of_classes)]
        wanted = CLASSES if of_classes else REGRESSION
        found = [entry for entry in published.numbers() if plain(entry.dataset) == plain(card)]
        found = [entry for entry in found if (entry.metric, entry.axis) in wanted]
        if found:
            yield _table(f"published-{place}", card, own, found, wanted, doubts or {})


def plain(dataset: str) -> str:
    """A dataset's name without what tells its versions apart."""
    return re.sub(r"\(.*\)|-8$|[^a-z0-9]", "", dataset.lower())


def _table(
    name: str,
    card: str,
    own: Sequence[Subject],
    found: Sequence[Number],
    wanted: list[tuple[str, str]],
    doubts: dict[str, str],
) -> Table:
    columns = [key for key in wanted if any((entry.metric, entry.axis) == key for entry in found)]
    rows = [row for subject in own for row in _own_rows(subject, columns, doubtful=subject.dataset in doubts)]
    lines: dict[tuple[str, ...], dict[tuple[str, str], Number]] = {}
    for entry in found:
        line = (entry.method, entry.backbone, entry.dataset, entry.split, entry.case, entry.source)
        lines.setdefault(line, {})[entry.metric, entry.axis] = entry
    rows += [_row(numbers, columns) for numbers in lines.values()]
    scored = dict.fromkeys(subject.dataset for subject in own)
    return Table(
        name,
        f"Published numbers on {card}",
        [
            Column("method and network", numeric=False),
            Column("protocol and source", numeric=False),
            *(Column(_title(*key)) for key in columns),
        ],
        rows,
        notes=(
            *(f"Do not compare: {doubts[dataset]}." for dataset in scored if dataset in doubts),
            "Published numbers are as printed, of the protocol in their row; none has an interval. They "
            "compare with a run only where data and protocol are the same.",
        ),
        sortable=True,
    )


def _own_rows(
    subject: Subject, columns: Sequence[tuple[str, str]], *, doubtful: bool
) -> Iterator[list[Cell]]:
    """The row of a run; of a cross-validation that of all folds pooled, and that of their mean."""
    data = f"this run, on {subject.dataset}"
    if subject.learns_classes:
        data += f", {len(subject.table.classes)} classes"
    if doubtful:
        data += ": not comparable, see below"
    who = Cell(subject.name, note=f"{subject.method}, {subject.backbone}", tone="own")
    pooled = subject.pooled
    how = protocol(subject) + (", pooled" if pooled else "")
    yield [who, Cell(how, note=data, tone="own"), *(_own(subject, *key) for key in columns)]
    if pooled is not None:
        mean = Cell("mean over the folds, as papers print it", note=data, tone="own")
        yield [who, mean, *(_over_folds(pooled, *key) for key in columns)]


def _own(subject: Subject, metric: str, axis: str) -> Cell:
    if subject.learns_classes:
        value, ends = subject.scores[""]["accuracy"], subject.class_detail().intervals["accuracy"]
        percent = None if ends is None else [100 * end for end in ends]
        shown = None if value is None else 100 * value
        return Cell(number(shown, digits=2), shown, interval(percent, digits=2), "own")
    name, key = AXES[axis], metric.lower()
    value = subject.scores[name][key]
    return Cell(number(value), value, interval(subject.axis_detail().intervals[name][key]), "own")


def _over_folds(pooled: Pooled, metric: str, axis: str) -> Cell:
    """The mean of a score over the folds, and how far the folds are from each other."""
    place, scale, digits = ((AXES[axis], metric.lower()), 1, 3) if axis else (("accuracy",), 100, 2)
    mean, spread = (None if value is None else value * scale for value in folds.over(pooled, *place))
    note = "" if spread is None else f"standard deviation {number(spread, digits=digits)}"
    return Cell(number(mean, digits=digits), mean, note, "own")


def _row(numbers: dict[tuple[str, str], Number], columns: Sequence[tuple[str, str]]) -> list[Cell]:
    """The row of a line of a published table, with what there is to know about it in the row."""
    first, *_ = numbers.values()
    scored = ", ".join(part for part in (first.split, first.case) if part)
    remarks = dict.fromkeys(entry.note.strip("; ") for entry in numbers.values() if entry.note)
    printed = [numbers[key].value if key in numbers else "" for key in columns]
    return [
        Cell(first.method, note=first.backbone),
        Cell(scored, note="; ".join([f"{first.dataset}, {first.source}", *remarks])),
        *(Cell(text, _value(text)) for text in printed),
    ]


def _value(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _title(metric: str, axis: str) -> str:
    name = TITLES.get(metric.lower(), "accuracy, %")
    return f"{name} {AXES[axis]}" if axis else name
