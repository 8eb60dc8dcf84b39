"""Runs in one sentence."""

from collections.abc import Sequence

from elimctl.metrics.compare import Change, Comparison
from elimctl.report.subject import Subject
from elimctl.report.tables import interval, number, signed, signed_interval
from elimctl.text import counted

MAIN = {True: ("", "accuracy"), False: ("mean", "ccc")}  # axis and metric that runs are ranked by


def summary(subjects: Sequence[Subject], found: Sequence[Comparison | str]) -> str:
    """What there is to know, in one sentence."""
    if len(subjects) == 1:
        return _sentence(subjects[0])
    paired = [one for one in found if isinstance(one, Comparison)]
    if len(paired) < len(found):
        return (
            f"{len(subjects)} runs scored on different samples, so they cannot be ranked: "
            + ", ".join(f"{subject.name} ({_short(subject)})" for subject in subjects)
            + "."
        )
    metric = "accuracy" if subjects[0].learns_classes else "mean CCC"
    ranked = sorted(subjects, key=lambda subject: -(main_score(subject)[0] or 0))
    best = ranked[0]
    return (
        f"Of {len(subjects)} runs on {_where(best)}, {best.name} has the highest {metric}, {_short(best)}; "
        f"{_lead(ranked, paired)}."
    )


def main_score(subject: Subject) -> tuple[float | None, Sequence[float] | None]:
    """The score that a run is known by, with its interval: mean CCC, or accuracy."""
    axis, metric = MAIN[subject.learns_classes]
    if subject.learns_classes:
        return subject.scores[axis][metric], subject.class_detail().intervals[metric]
    return subject.scores[axis][metric], subject.axis_detail().intervals[axis][metric]


def main_change(found: Comparison) -> Change:
    """The change of the score that runs are known by."""
    wanted = {(axis or None, metric) for axis, metric in MAIN.values()}
    return next(change for change in found.changes if (change.axis, change.metric) in wanted)


def _lead(ranked: Sequence[Subject], paired: Sequence[Comparison]) -> str:
    """How the best run compares with the first one named, or that one with the next best."""
    first = paired[0].a
    other = ranked[1] if ranked[0].name == first else ranked[0]
    change = next(main_change(one) for one in paired if one.b == other.name)
    if change.undefined:
        return f"how far {other.name} is from {first} is unknown, because a score is undefined"
    between = f"{other.name} less {first} is {signed(change.difference)}"
    if change.low is None or change.high is None:
        return f"{between}, without an interval"
    ends = f"95 % interval {signed_interval([change.low, change.high])}"
    return f"{between} ({ends}), {'a real difference' if change.real else 'which may be chance'}"


def _sentence(subject: Subject) -> str:
    what = "classes of expression" if subject.learns_classes else "valence and arousal"
    metric = "an accuracy" if subject.learns_classes else "a mean CCC"
    value, ends = main_score(subject)
    known = f"with {metric} of {number(value)}" if value is not None else "with predictions that never vary"
    sure = f" (95 % interval {interval(ends)})" if ends is not None else ""
    who = f"{subject.name}, {subject.method} on {subject.backbone}"
    return f"{who}, predicts {what} of {_where(subject)} {known}{sure}."


def _where(subject: Subject) -> str:
    identities = subject.detail.identities
    samples = counted(len(subject.table), "sample")
    people = counted(identities, "identity", "identities")
    return f"{samples} of {people} ({subject.dataset}, {protocol(subject)})"


def protocol(subject: Subject) -> str:
    """What a run was scored on, in words."""
    if subject.pooled is not None:
        return f"{len(subject.pooled.runs)} folds, each held out once"
    fold = subject.table.protocol.get("fold")
    folded = fold is not None and subject.split in ("train", "val")
    return f"split {subject.split}" + (f", fold {fold}" if folded else "")


def _short(subject: Subject) -> str:
    value, ends = main_score(subject)
    return f"{number(value)}, 95 % interval {interval(ends)}" if ends is not None else number(value)
