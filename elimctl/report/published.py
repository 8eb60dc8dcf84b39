"""Published numbers on the dataset of a run, beside what the run has."""

import re
from collections.abc import Iterator, Sequence

from elimctl.evaluate import published
from elimctl.evaluate.published import Number
from elimctl.report.subject import Subject
from elimctl.report.summary import protocol
from elimctl.report.tables import METRIC_NAMES, Cell, Column, Table, interval, number

AXES = {"V": "valence", "A": "arousal", "mean": "mean"}
# Columns of valence and arousal, as `published.csv` calls them.
REGRESSION = [(metric, axis) for metric in ("CCC", "PCC", "SAGR", "RMSE") for axis in AXES]
CLASSES = [("accuracy_percent", "")]


def tables(subjects: Sequence[Subject], cards: dict[str, str]) -> Iterator[Table]:
    """A table for each dataset that papers have numbers on.

    Args:
        subjects: the runs.
        cards: for each prepared dataset the name that its authors gave it.
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
            yield _table(f"published-{place}", card, own, found, wanted)


def plain(dataset: str) -> str:
    """A dataset's name without what tells its versions apart."""
    return re.sub(r"\(.*\)|-8$|[^a-z0-9]", "", dataset.lower())


def _table(
    name: str, card: str, own: Sequence[Subject], found: Sequence[Number], wanted: list[tuple[str, str]]
) -> Table:
    columns = [key for key in wanted if any((entry.metric, entry.axis) == key for entry in found)]
    rows = [_own_row(subject, columns) for subject in own]
    lines: dict[tuple[str, ...], dict[tuple[str, str], Number]] = {}
    for entry in found:
        line = (entry.method, entry.backbone, entry.split, entry.case, entry.source)
        lines.setdefault(line, {})[entry.metric, entry.axis] = entry
    rows += [_row(line, numbers, columns) for line, numbers in lines.items()]
    remarks = list(dict.fromkeys(entry.note for entry in found if entry.note))
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
            "Published numbers are as printed, of the protocol in their row; none has an interval. They "
            "compare with a run only where data and protocol are the same.",
            *(f"Of the published rows: {remark}." for remark in remarks),
        ),
        sortable=True,
    )


def _own_row(subject: Subject, columns: Sequence[tuple[str, str]]) -> list[Cell]:
    cells = [
        Cell(subject.name, note=f"{subject.method}, {subject.backbone}", tone="own"),
        Cell(protocol(subject), note=f"this run, on {subject.dataset}", tone="own"),
    ]
    return cells + [_own(subject, metric, axis) for metric, axis in columns]


def _own(subject: Subject, metric: str, axis: str) -> Cell:
    if subject.learns_classes:
        value, ends = subject.scores[""]["accuracy"], subject.class_detail().intervals["accuracy"]
        percent = None if ends is None else [100 * end for end in ends]
        note = "" if percent is None else f"{number(percent[0], digits=2)} to {number(percent[1], digits=2)}"
        shown = None if value is None else 100 * value
        return Cell(number(shown, digits=2), shown, note, "own")
    name, key = AXES[axis], metric.lower()
    value = subject.scores[name][key]
    return Cell(number(value), value, interval(subject.axis_detail().intervals[name][key]), "own")


def _row(
    line: tuple[str, ...], numbers: dict[tuple[str, str], Number], columns: Sequence[tuple[str, str]]
) -> list[Cell]:
    method, backbone, split, case, source = line
    protocol = ", ".join(part for part in (split, case) if part)
    printed = [numbers[key].value if key in numbers else "" for key in columns]
    return [
        Cell(method, note=backbone),
        Cell(protocol, note=source),
        *(Cell(text, _value(text)) for text in printed),
    ]


def _value(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _title(metric: str, axis: str) -> str:
    name = METRIC_NAMES.get(metric.lower(), "accuracy, %")
    return f"{name} {AXES[axis]}" if axis else name
