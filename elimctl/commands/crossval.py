"""The folds of a dataset, and the folder of a cross-validation."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from elimctl.config import Values
from elimctl.errors import ConfigError, DataError
from elimctl.manifest import audit, parquet
from elimctl.manifest.audit import Leak
from elimctl.text import counted
from elimctl.workspace import Workspace

SPLIT = "val"  # name of a held-out fold
POOLED = "folds"  # name of all held-out folds together
NAME = "crossval.json"  # in the folder of the cross-validation
PREPARE = "prepare the dataset again with --split folds"


@dataclass(frozen=True, slots=True)
class Folds:
    """The folds of a dataset to hold out."""

    dataset: Path  # folder of the prepared dataset
    numbers: tuple[int, ...]  # folds to hold out, one after another
    of: int  # number of folds of the dataset; if more than `numbers`, samples of the others are not scored
    # what two folds share besides identities: actors, or clips with several identities
    leaks: tuple[Leak, ...] = ()


def folds(folder: Path, wanted: Sequence[int] | None = None) -> Folds:
    """The folds of a prepared dataset, checked for cross-validation.

    Args:
        folder: of the dataset.
        wanted: folds to hold out; None: all.

    Raises:
        ConfigError: the dataset has no such fold.
        DataError: the dataset has official splits or fewer than two folds, a fold has no kept sample, or an
            identity is in two folds.
        StoreError: the manifest is missing or damaged.
    """
    table = parquet.read(folder)
    kept = audit.kept_rows(table)
    _require_folds(folder.name, table)
    count = int(np.nanmax(table["fold"].to_numpy())) + 1
    numbers = tuple(range(count)) if wanted is None else tuple(dict.fromkeys(wanted))
    if unknown := [number for number in numbers if not 0 <= number < count]:
        raise ConfigError(
            f"no fold {unknown[0]} in {folder.name}; there are folds 0 to {count - 1}",
            hint=f"set --folds to all, or to numbers from 0 to {count - 1}",
        )
    samples = np.bincount(kept["fold"].drop_null().to_numpy(), minlength=count)
    if not samples.all():
        raise DataError(
            f"fold {samples.argmin()} of {folder.name} has no identity: none of its samples can be used",
            hint="prepare the dataset again with fewer folds (--folds N)",
        )
    parts = audit.codes(kept["fold"])
    shared = [audit.shared_names(kept, name, parts, between="fold") for name in audit.NAMES]
    leaks = tuple(leak for leak in shared if leak is not None and leak.count)
    for leak in leaks:
        if leak.kind == "identity":
            raise DataError(
                f"{counted(leak.count, 'identity', 'identities')} of {folder.name} in two folds "
                f"({', '.join(leak.examples[:3])} ...): they would be trained on and scored",
                hint=f"run elimctl data audit {folder.name}, then prepare the dataset again",
            )
    return Folds(folder, numbers, count, leaks)


def _require_folds(name: str, table: pa.Table) -> None:
    """Refuse a dataset without folds."""
    official = sorted(set(table["split"].drop_null().to_pylist()))
    if official == ["test"]:
        raise DataError(
            f"dataset {name} has only the split test, and no folds",
            hint="score it with elimctl eval --split test, or prepare it with --folds 2 or more",
        )
    if official:
        raise DataError(
            f"dataset {name} has official splits ({', '.join(official)}) instead of folds",
            hint=f"train on these with elimctl train, or {PREPARE}",
        )
    count = len(set(table["fold"].drop_null().to_pylist()))
    if count < 2:
        raise DataError(f"dataset {name} has {counted(count, 'fold')}, expected at least 2", hint=PREPARE)


def at(values: Values, place: Sequence[str]) -> Any:
    """A score of a cross-validation or a fold, by axis and metric, or by rate.

    Raises:
        KeyError: the score does not exist.
    """
    value: Any = values
    for key in place:
        value = value[key]
    return value


def require_place(workspace: Workspace, name: str, wanted: Sequence[int]) -> None:
    """Refuse a name whose folder holds other results.

    Raises:
        ConfigError: the name is invalid, belongs to a run, or to a cross-validation with other folds.
    """
    folder = workspace.new_run(name)
    if (folder / "run.json").exists():
        raise ConfigError(
            f"{name} is a run; a cross-validation cannot have the same name",
            hint="choose another name with --run",
        )
    recorded = _recorded(folder / NAME)
    if lost := sorted(recorded - set(wanted)):
        every = ",".join(str(number) for number in sorted(recorded | set(wanted)))
        raise ConfigError(
            f"cross-validation {name} already holds out {_listed(sorted(recorded))}; "
            f"{_listed(lost)} would be missing from its scores",
            hint=f"use --folds {every} (finished folds are kept), or choose another name with --run",
        )


def _recorded(file: Path) -> set[int]:
    """Folds that a finished cross-validation has held out; none if its file is damaged."""
    try:
        return {fold["fold"] for fold in json.loads(file.read_text(encoding="utf-8"))["folds"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _listed(numbers: Sequence[int]) -> str:
    return f"fold{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
