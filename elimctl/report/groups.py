"""Identities one by one, and the clips that are predicted worst."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from elimctl.evaluate.groups import group_scores
from elimctl.evaluate.sums import METRICS
from elimctl.evaluate.table import Groups
from elimctl.report.subject import Subject
from elimctl.report.tables import Cell, Column, Table, count, score

LONGEST = 1000  # identities in a table; those with the largest errors
WORST = 10  # clips shown, of all runs together
CCC, RMSE, MAE = (METRICS.index(name) for name in ("ccc", "rmse", "mae"))
VALENCE, AROUSAL, MEAN = range(3)
# What is shown of valence and arousal: metric and axis, by the title of its column.
AXIS_SCORES = {
    "CCC": (CCC, MEAN),
    "CCC valence": (CCC, VALENCE),
    "CCC arousal": (CCC, AROUSAL),
    "RMSE": (RMSE, MEAN),
    "MAE": (MAE, MEAN),
}
BRIEF = ("CCC", "RMSE")  # where several runs share a table
DASH = "A dash: the identity has fewer than three samples, or its labels never vary."

# A score of each group: name of its column, values (g,), NaN where one says nothing.
Scored = tuple[str, np.ndarray]


def identity_tables(subjects: Sequence[Subject]) -> Iterator[Table]:
    """A table for all runs that were scored on the same samples, a row per identity, largest errors first."""
    for number, alike in enumerate(_alike(subjects)):
        first, of = alike[0], alike[0].table.identities
        named = len(alike) > 1
        errors = np.mean([_error(subject, subject.table.identities) for subject in alike], axis=0)
        order = np.lexsort((np.arange(len(errors)), -errors))[:LONGEST]
        clips = np.bincount(_owner(first), minlength=len(of))
        samples = np.bincount(of.code, minlength=len(of))
        scored = [
            (f"{title}, {subject.name}" if named else title, values)
            for subject in alike
            for title, values in _scored(subject, subject.table.identities, brief=named)
        ]
        rows = [
            [
                Cell(of.names[code]),
                count(int(samples[code])),
                count(int(clips[code])),
                *_cells(scored, code),
            ]
            for code in order
        ]
        heads = [Column("identity", numeric=False), Column("samples"), Column("clips")]
        notes = [] if first.learns_classes else [DASH]
        if len(of) > len(order):
            notes.append(f"{len(of) - len(order):,} identities with smaller errors are left out.")
        yield Table(
            f"identities-{number}",
            f"Every identity of {first.dataset}, split {first.split}" + ("" if named else f", {first.name}"),
            [*heads, *(Column(title) for title, _ in scored)],
            rows,
            notes,
            sortable=True,
            counted="identities",
        )


def worst_clips(subject: Subject, most: int) -> list[tuple[int, np.ndarray]]:
    """The clips with the largest errors.

    Args:
        subject: the run.
        most: clips wanted.

    Returns:
        Code of each clip, and the numbers of its samples in the table, the worst sample first.
    """
    of = subject.table.clips
    errors, own = _error(subject, of), sample_errors(subject)
    order = np.lexsort((np.arange(len(errors)), -errors))[:most]
    members = [np.flatnonzero(of.code == code) for code in order]
    return [
        (int(code), rows[np.argsort(-own[rows], kind="stable")])
        for code, rows in zip(order, members, strict=True)
    ]


def clip_table(subjects: Sequence[Subject], faces: dict[tuple[str, int], str]) -> Table:
    """The worst clips of each run.

    Args:
        subjects: the runs.
        faces: data URIs by dataset and row of the manifest; those that there are, are shown.
    """
    named = len(subjects) > 1
    titles = list(dict.fromkeys(title for subject in subjects for title in _titles(subject)))
    rows = []
    for subject in subjects:
        scored = dict(_scored(subject, subject.table.clips, brief=False))
        for code, members in worst_clips(subject, worst_per_run(subjects)):
            table, worst = subject.table, int(members[0])
            face = faces.get((subject.dataset, int(table.row[worst])), "")
            rows.append(
                [
                    Cell(table.clips.names[code], image=face),
                    *([Cell(subject.name)] if named else []),
                    Cell(table.identities.names[table.identities.code[worst]]),
                    count(len(members)),
                    count(int(table.frame[worst])),
                    *_cells([(title, scored.get(title)) for title in titles], code),
                ]
            )
    heads = [
        Column("clip", numeric=False),
        *([Column("run", numeric=False)] if named else []),
        Column("identity", numeric=False),
        Column("samples"),
        Column("worst frame"),
    ]
    return Table("clips", "Clips with the largest errors", [*heads, *map(Column, titles)], rows)


def worst_per_run(subjects: Sequence[Subject]) -> int:
    """Clips that are shown of each run."""
    return max(3, WORST // len(subjects))


def sample_errors(subject: Subject) -> np.ndarray:
    """Distance of prediction and label of each sample, (n,); of classes 1 where they differ."""
    table = subject.table
    if subject.learns_classes:
        return (table.preds != table.target).astype(np.float64)
    return np.linalg.norm(table.preds - table.target, axis=1)


def _alike(subjects: Sequence[Subject]) -> Iterator[list[Subject]]:
    """Runs that were scored on the same samples, in the order of the first of each."""
    keys = list(dict.fromkeys(subject.samples for subject in subjects))
    ordered = sorted(subjects, key=lambda subject: keys.index(subject.samples))
    for _, group in groupby(ordered, key=lambda subject: subject.samples):
        yield list(group)


def _error(subject: Subject, of: Groups) -> np.ndarray:
    """Mean RMSE of both axes of each group; of classes the number of wrong predictions, then their share."""
    if subject.learns_classes:
        wrong = np.bincount(of.code, sample_errors(subject), minlength=len(of))
        return wrong + wrong / np.bincount(of.code, minlength=len(of)) / 2
    return group_scores(subject.table.preds, subject.table.target, of).scores[:, RMSE, MEAN]


def _cells(scored: Sequence[tuple[str, np.ndarray | None]], code: int) -> list[Cell]:
    """Scores of one group; a dash where one says nothing, or another kind of run has it."""
    return [
        score(None if values is None or np.isnan(values[code]) else float(values[code]))
        for _, values in scored
    ]


def _titles(subject: Subject) -> list[str]:
    return ["accuracy"] if subject.learns_classes else [*AXIS_SCORES]


def _scored(subject: Subject, of: Groups, *, brief: bool) -> list[Scored]:
    """The columns of scores of each group."""
    if subject.learns_classes:
        wrong = np.bincount(of.code, sample_errors(subject), minlength=len(of))
        return [("accuracy", 1 - wrong / np.bincount(of.code, minlength=len(of)))]
    found = group_scores(subject.table.preds, subject.table.target, of)
    values = np.where(found.counts, found.scores, np.nan)
    shown = {title: AXIS_SCORES[title] for title in (BRIEF if brief else AXIS_SCORES)}
    return [(title, values[:, metric, axis]) for title, (metric, axis) in shown.items()]


def _owner(subject: Subject) -> np.ndarray:
    """Code of the identity of each clip."""
    owner = np.zeros(len(subject.table.clips), np.int64)
    owner[subject.table.clips.code] = subject.table.identities.code
    return owner
