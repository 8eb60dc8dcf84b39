"""Identities one by one, and the clips that are predicted worst."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from elimctl.manifest.grouping import Groups
from elimctl.metrics.groups import GroupScores, clip_errors, group_scores
from elimctl.metrics.table import METRICS
from elimctl.report.scores import heads, names
from elimctl.report.subject import Subject
from elimctl.report.tables import MISSING, Cell, Column, Table, count, number, score
from elimctl.text import counted

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
DISTANCE = "distance"  # of the table of clips: what its rows are ranked by
RANKED = (
    "Ranked by the distance of prediction and label, the root of the mean of its square over the frames of a "
    "clip; the figure of the clip with the largest error draws the first of at least five frames."
)
WRONG = "Of classes: ranked by the number of wrong predictions, their share, then the surest of them."
# What is shown of the worst frame of a run of classes.
GUESSED = ("true", "predicted")
DASH = "A dash: fewer than three samples, or constant labels."

# A score of each group: name of its column, values (g,), NaN where one says nothing.
Scored = tuple[str, np.ndarray]


def identity_tables(subjects: Sequence[Subject]) -> Iterator[Table]:
    """A table for all runs that were scored on the same samples, a row per identity, largest errors first."""
    for place, alike in enumerate(_alike(subjects)):
        first, of = alike[0], alike[0].table.identities
        named = len(alike) > 1
        alone = [_alone(subject, subject.table.identities) for subject in alike]
        errors = np.mean([_error(*pair) for pair in zip(alike, alone, strict=True)], axis=0)
        order = np.lexsort((np.arange(len(errors)), -errors))[:LONGEST]
        clips = np.bincount(_owner(first), minlength=len(of))
        samples = np.bincount(of.code, minlength=len(of))
        scored = [
            (f"{title}, {subject.name}" if named else title, values)
            for subject, own in zip(alike, alone, strict=True)
            for title, values in _scored(subject, subject.table.identities, own, brief=named)
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
            notes.append(
                f"{counted(len(of) - len(order), 'identity', 'identities')} with smaller errors "
                "are not shown."
            )
        yield Table(
            f"identities-{place}",
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
        Code of each clip, and the numbers of its samples in the table, the worst sample first; of classes
        those clips alone that have a wrong prediction.
    """
    of, own = subject.table.clips, sample_errors(subject)
    keys = _clip_keys(subject)
    order = np.lexsort((np.arange(len(of)), *(-key for key in reversed(keys))))
    order = order[keys[0][order] > 0][:most] if subject.learns_classes else order[:most]
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
    titles = list(dict.fromkeys(title for subject in subjects for title in _titles(subject)))
    of_classes = [subject for subject in subjects if subject.learns_classes]
    rows = [row for subject in subjects for row in _clip_rows(subject, subjects, titles, faces)]
    guessed = GUESSED if of_classes else ()
    columns = [
        Column("clip", numeric=False),
        *heads(subjects),
        Column("identity", numeric=False),
        Column("samples"),
        Column("worst frame"),
        *(Column(f"{title} there", numeric=False) for title in guessed),
    ]
    notes = [RANKED] if len(of_classes) < len(subjects) else []
    if of_classes:
        notes.append(WRONG)
    if not rows:
        notes = ["All predictions are correct."]
    return Table("clips", "Clips with the largest errors", [*columns, *map(Column, titles)], rows, notes)


def _clip_rows(
    subject: Subject, subjects: Sequence[Subject], titles: Sequence[str], faces: dict[tuple[str, int], str]
) -> Iterator[list[Cell]]:
    """A row for each of the worst clips of a run."""
    table, of = subject.table, subject.table.clips
    scored = dict(_scored(subject, of, _alone(subject, of), brief=False))
    if not subject.learns_classes:
        scored[DISTANCE] = np.sqrt(clip_errors(table))
    guesses = any(title not in (*AXIS_SCORES, DISTANCE) for title in titles)
    for code, members in worst_clips(subject, worst_per_run(subjects)):
        worst = int(members[0])
        yield [
            Cell(table.clips.names[code], image=faces.get((subject.dataset, int(table.row[worst])), "")),
            *names(subject, subjects),
            Cell(table.identities.names[table.identities.code[worst]]),
            count(len(members)),
            count(int(table.frame[worst])),
            *(_guess(subject, worst) if guesses else ()),
            *_cells([(title, scored.get(title)) for title in titles], code),
        ]


def _guess(subject: Subject, place: int) -> list[Cell]:
    """Label of a sample and what was predicted, with its probability; dashes for valence and arousal."""
    if not subject.learns_classes:
        return [Cell(MISSING) for _ in GUESSED]
    table = subject.table
    sure = f"probability {number(float(_probability(subject)[place]))}"
    return [Cell(table.classes[table.target[place]]), Cell(table.classes[table.preds[place]], note=sure)]


def worst_per_run(subjects: Sequence[Subject]) -> int:
    """Clips that are shown of each run."""
    return max(3, WORST // len(subjects))


def sample_errors(subject: Subject) -> np.ndarray:
    """How wrong each sample is, (n,): distance of prediction and label; the probability of a wrong class."""
    if subject.learns_classes:
        return _wrong(subject) * _probability(subject)
    return np.linalg.norm(subject.table.preds - subject.table.target, axis=1)


def _wrong(subject: Subject) -> np.ndarray:
    """Which samples are of another class than was predicted, (n,), 1 or 0."""
    return (subject.table.preds != subject.table.target).astype(np.float64)


def _wrong_of(subject: Subject, of: Groups) -> tuple[np.ndarray, np.ndarray]:
    """Number of such samples in each group, and their share, both (g,)."""
    wrong = np.bincount(of.code, _wrong(subject), minlength=len(of))
    return wrong, wrong / np.bincount(of.code, minlength=len(of))


def _probability(subject: Subject) -> np.ndarray:
    """Probability of the predicted class of each sample, (n,)."""
    return subject.table.columns["probability"].to_numpy().astype(np.float64)


def _clip_keys(subject: Subject) -> list[np.ndarray]:
    """What clips are ranked by, the largest first: each (clips,), the first counts most."""
    if not subject.learns_classes:
        return [clip_errors(subject.table)]
    of = subject.table.clips
    surest = np.zeros(len(of))
    np.maximum.at(surest, of.code, sample_errors(subject))
    return [*_wrong_of(subject, of), surest]


def _alike(subjects: Sequence[Subject]) -> Iterator[list[Subject]]:
    """Runs that were scored on the same samples, in the order of the first of each."""
    keys = list(dict.fromkeys(subject.samples for subject in subjects))
    ordered = sorted(subjects, key=lambda subject: keys.index(subject.samples))
    for _, group in groupby(ordered, key=lambda subject: subject.samples):
        yield list(group)


def _alone(subject: Subject, of: Groups) -> GroupScores | None:
    """Scores of each group alone; classes have none."""
    return None if subject.learns_classes else group_scores(subject.table.preds, subject.table.target, of)


def _error(subject: Subject, alone: GroupScores | None) -> np.ndarray:
    """Mean RMSE of both axes of each identity; of classes the number of wrong predictions and their share."""
    if alone is None:
        wrong, share = _wrong_of(subject, subject.table.identities)
        return wrong + share / 2
    return alone.scores[:, RMSE, MEAN]


def _cells(scored: Sequence[tuple[str, np.ndarray | None]], code: int) -> list[Cell]:
    """Scores of one group; a dash where one says nothing, or another kind of run has it."""
    return [
        score(None if values is None or np.isnan(values[code]) else float(values[code]))
        for _, values in scored
    ]


def _titles(subject: Subject) -> list[str]:
    return ["accuracy"] if subject.learns_classes else [DISTANCE, *AXIS_SCORES]


def _scored(subject: Subject, of: Groups, alone: GroupScores | None, *, brief: bool) -> list[Scored]:
    """The columns of scores of each group."""
    if alone is None:
        return [("accuracy", 1 - _wrong_of(subject, of)[1])]
    values = np.where(alone.counts, alone.scores, np.nan)
    shown = {title: AXIS_SCORES[title] for title in (BRIEF if brief else AXIS_SCORES)}
    return [(title, values[:, metric, axis]) for title, (metric, axis) in shown.items()]


def _owner(subject: Subject) -> np.ndarray:
    """Code of the identity of each clip."""
    owner = np.zeros(len(subject.table.clips), np.int64)
    owner[subject.table.clips.code] = subject.table.identities.code
    return owner
