"""What the page says of the datasets that runs were scored on."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elimctl.commands import audit
from elimctl.config import Values
from elimctl.datasets import card as cards
from elimctl.errors import ElimctlError
from elimctl.prepare.describe import describe
from elimctl.report.subject import Subject, dataset_problem
from elimctl.report.tables import Cell, Column, Table, count, number
from elimctl.text import counted

DRAWN = "free: the faces are synthetic"  # terms of a synthetic dataset
PLACES = {"split": "splits", "fold": "folds"}  # official splits, and what is used where there are none


@dataclass(frozen=True, slots=True)
class DataPart:
    """What is said of one dataset.

    Args:
        name: in the workspace.
        title: what its authors call it, and what it is.
        terms: what it may be used for, as its card says; empty where there is no card.
        problem: why nothing else can be said of it, None where it can.
        tables: counts, splits.
        facts: other numbers, as names and values.
        synthetic: whether elimctl has drawn it.
        incomplete: what of a complete copy is not there.
        leaking: whether the audit found a leak.
        audit: what it found, as sentences.
    """

    name: str
    title: str = ""
    terms: str = ""
    problem: str | None = None
    tables: Sequence[Table] = ()
    facts: Sequence[tuple[str, str]] = ()
    synthetic: bool = False
    incomplete: Sequence[str] = ()
    leaking: bool = False
    audit: Sequence[str] = ()


def parts(subjects: Sequence[Subject]) -> list[DataPart]:
    """A part for each dataset, in the order of the runs."""
    first = {subject.dataset: subject for subject in reversed(subjects)}
    names = list(dict.fromkeys(subject.dataset for subject in subjects))
    return [_part(place, first[name]) for place, name in enumerate(names)]


def doubts(parts: Sequence[DataPart]) -> dict[str, str]:
    """Why scores on a dataset do not compare with published ones, by its name; none where they may."""
    return {part.name: _doubt(part) for part in parts if part.synthetic or part.incomplete}


def _doubt(part: DataPart) -> str:
    what = f"not a complete copy ({'; '.join(part.incomplete)})"
    if part.synthetic:
        what = "a synthetic dataset"
    return f"{part.name} is {what}, so its scores cannot be compared with published ones"


def card_names(subjects: Sequence[Subject]) -> dict[str, str]:
    """For each prepared dataset with a card the name that its authors gave it."""
    found = {}
    for subject in subjects:
        if (card := _card(subject.prepared())) is not None:
            found[subject.dataset] = card.name
    return found


def _part(place: int, subject: Subject) -> DataPart:
    record = subject.prepared()
    card = _card(record)
    part = DataPart(subject.dataset)
    if card is not None:
        missing = list(_missing(card, record.get("totals")))
        part = replace(part, title=card.title, terms=card.terms, incomplete=missing)
    if record.get("synthetic"):
        title = f"A synthetic dataset: {part.title}" if part.title else "A synthetic dataset"
        part = replace(part, title=title, terms=DRAWN, synthetic=True)
    if (problem := dataset_problem(subject)) is not None:
        return replace(part, problem=problem)
    try:
        return _described(place, part, subject)
    except (ElimctlError, TypeError, ValueError, KeyError, AttributeError) as error:
        said = (
            subject.told(error) if isinstance(error, ElimctlError) else f"prepare.json is damaged: {error!r}"
        )
        return replace(part, problem=said)


def _described(place: int, part: DataPart, subject: Subject) -> DataPart:
    """The same with all that the dataset's folder tells."""
    folder = subject.material.dataset.folder
    found = describe(folder)
    audited = _audit(folder, subject.material.dataset.digest)
    return replace(
        part,
        tables=[one for one in (_counts(place, found), _parted(place, found)) if one],
        facts=list(_facts(found)),
        leaking=bool(audited["leaking"]),
        audit=list(_said(audited)),
    )


def _missing(card: cards.Card, totals: object) -> Iterator[str]:
    """What a complete copy has and this one has not; drawn faces never make a complete one."""
    if isinstance(totals, dict):
        counts = {name: value for name, value in totals.items() if isinstance(value, int)}
        yield from (entry.sentence for entry in cards.compare(card, counts) if entry.missing)


def _card(record: Values) -> cards.Card | None:
    try:
        return cards.read(str(record.get("dataset")).replace("_", "-"))
    except ElimctlError:
        return None


def _counts(place: int, found: dict[str, Any]) -> Table:
    """Samples found, kept and dropped, which add up."""
    counts = found["counts"] or {}
    lines = {"found": counts.get("found", 0), "kept": counts.get("kept", 0)}
    dropped = counts.get("dropped") or {}
    rows = [[Cell(name), count(value)] for name, value in lines.items()]
    rows += [[Cell(f"dropped: {reason}"), count(value)] for reason, value in dropped.items()]
    return Table(
        f"counts-{place}",
        f"Samples of {found['name']}",
        [Column("what became of them", numeric=False), Column("samples")],
        rows,
        notes=() if dropped else ("None was dropped.",),
    )


def _parted(place: int, found: dict[str, Any]) -> Table | None:
    """Samples and identities of each official split, or of each fold."""
    for kind, key in PLACES.items():
        if found[key]:
            return Table(
                f"{key}-{place}",
                f"{key.capitalize()} of {found['name']}",
                [Column(kind, numeric=False), Column("samples"), Column("identities")],
                [
                    [Cell(str(one["name"])), count(one["rows"]), count(one["identities"])]
                    for one in found[key]
                ],
            )
    return None


def _facts(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    sizes = found["identities"]
    if sizes["number"]:
        each = "{smallest:,} to {largest:,} samples, median {median:,g}".format(**sizes)
        if sizes["smallest"] == sizes["largest"]:
            each = counted(sizes["largest"], "sample") + " each"
        yield "identities", f"{sizes['number']:,}, {each}"
    for label, values in found["labels"].items():
        if values["mean"] is not None:
            text = f"{number(values['min'])} to {number(values['max'])}, mean {number(values['mean'])}"
            yield label, text + (f"; {values['missing']:,} have none" if values["missing"] else "")
    images = found["images"]
    yield "crops", f"{images['shape'][1]} \N{MULTIPLICATION SIGN} {images['shape'][2]} px, {images['codec']}"


def _audit(folder: Path, digest: str) -> Values:
    """The audit on disk where it is of this manifest, else one of names and crops alone."""
    try:
        values: Values = json.loads((folder / audit.NAME).read_text(encoding="utf-8"))
        if values["manifest"] == digest and isinstance(values["leaking"], bool) and list(_said(values)):
            return values
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # none, or none that can be read: a new one replaces it
    found = audit.examine(folder, images=False)
    found.skipped[audit.IMAGE] = "run elimctl data audit"
    return audit.to_values(found)


def _said(values: Values) -> Iterator[str]:
    """What was found, leaks first, then what was compared without one, then what was not."""
    for leak in sorted(values["leaks"], key=lambda leak: -leak["count"]):
        between = f"between {PLACES[leak['between']]}"
        if leak["count"]:
            rows = counted(leak["rows"], "sample")
            yield f"{leak['kind']}: {leak['count']:,} shared {between}, {rows} concerned"
        else:
            yield f"{leak['kind']}: none shared {between}"
    for what, why in values["skipped"].items():
        yield f"{what}: not compared ({why})"
