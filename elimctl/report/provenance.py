"""Where runs come from: hashes, versions, environment."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from elimctl.config import Values
from elimctl.manifest import parquet
from elimctl.report.subject import Subject
from elimctl.report.tables import MISSING, Cell, Column, Table

# What run.json records of where a run was trained, and what it is called.
ENVIRONMENT = {
    "python": "Python",
    "system": "operating system",
    "processor": "processor",
    "threads": "threads of the processor",
    "device": "device trained on",
    "gpu": "GPU",
    "cuda": "CUDA",
    "precision": "precision trained in",
}


def table(subjects: Sequence[Subject]) -> Table:
    """A column for each run, a row for each fact that any of them has."""
    found = [dict(_facts(subject)) for subject in subjects]
    names = list(dict.fromkeys(name for facts in found for name in facts))
    return Table(
        "provenance",
        "Where the runs come from" if len(subjects) > 1 else "Where the run comes from",
        [Column("fact", numeric=False), *(Column(subject.name, numeric=False) for subject in subjects)],
        [[Cell(name), *(Cell(facts.get(name, MISSING)) for facts in found)] for name in names],
    )


def differences(subjects: Sequence[Subject]) -> Table | None:
    """The settings that all runs have and that differ, None where there are none.

    What only some methods have is in the recipes; beside each other such settings say nothing.
    """
    settings = [dict(_flat(subject.material.config.model_dump(mode="json"))) for subject in subjects]
    differing = [
        name
        for name in settings[0]
        if all(name in one for one in settings) and len({one[name] for one in settings}) > 1
    ]
    if not differing:
        return None
    return Table(
        "settings",
        "Settings that differ",
        [Column("setting", numeric=False), *(Column(subject.name, numeric=False) for subject in subjects)],
        [[Cell(name), *(Cell(one[name]) for one in settings)] for name in differing],
    )


def _facts(subject: Subject) -> Iterator[tuple[str, str]]:
    protocol, runs = subject.table.protocol, subject.material.runs
    facts = _shared([run.facts() for run in runs.values()])
    yield "created", str(subject.material.run.facts().get("created", MISSING))
    yield "method and network", f"{subject.method}, {subject.backbone}"
    yield "seed", str(facts.get("seed", MISSING))
    yield "fold held out", str(facts.get("fold", "one by one" if subject.pooled else MISSING))
    if subject.pooled is None:
        yield "scored at step", str(protocol.get("step", MISSING))
    hidden = {"name", "created", "seed", "fold", "versions", "environment", "manifest", "git", "asked"}
    yield from _flat({name: value for name, value in facts.items() if name not in hidden})
    yield "git commit", str(facts.get("git") or MISSING)
    yield from _environment(facts)
    for package, version in (facts.get("versions") or {}).items():
        yield f"version of {package}", str(version)
    yield "SHA-256 of the manifest trained on", str(facts.get("manifest", MISSING))
    yield "SHA-256 of the manifest scored", str(protocol.get("manifest", MISSING))
    yield "SHA-256 of raw files and settings", str(subject.prepared().get("inputs") or MISSING)
    yield "SHA-256 of the predictions", _digest(subject.material.predictions)
    for which, run in runs.items():
        of = f", {which}" if which else ""
        yield f"SHA-256 of the checkpoint{of}", _digest(run.kept)
        yield f"SHA-256 of the recipe{of}", _digest(run.folder / "recipe.toml")


def _environment(facts: Values) -> Iterator[tuple[str, str]]:
    """Where a run was trained; nothing of runs that did not record it."""
    found = facts.get("environment")
    if isinstance(found, dict):
        for name, title in ENVIRONMENT.items():
            if found.get(name) is not None:
                yield title, str(found[name])


def _shared(facts: Sequence[Values]) -> Values:
    """What is the same in all of some facts."""
    first, *others = facts
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in others)}


def _digest(file: Path) -> str:
    return parquet.digest(file) if file.exists() else MISSING


def _flat(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Nested values with dotted names; None is left out."""
    for name, value in values.items():
        where = f"{above}.{name}" if above else name
        if isinstance(value, dict):
            yield from _flat(value, where)
        elif value is not None:
            yield where.replace("_", " ") if not above else where, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else json.dumps(value)
