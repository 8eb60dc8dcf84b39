"""Cross-validation: which folds a dataset has, and what the runs that held them out found together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pyarrow as pa

from elimctl import atomic
from elimctl.commands.compare import predicted
from elimctl.commands.conclude import Evaluated
from elimctl.commands.execution import Execution
from elimctl.commands.pool import evaluate_table, pool
from elimctl.config import Values
from elimctl.errors import ConfigError, DataError
from elimctl.manifest import audit, parquet
from elimctl.manifest.audit import Leak
from elimctl.metrics.classes import RATES
from elimctl.metrics.detail import Resampling
from elimctl.metrics.score import MetricOptions
from elimctl.metrics.table import AXES
from elimctl.text import counted
from elimctl.train.run import Run
from elimctl.workspace import Workspace

SPLIT = "val"  # that a fold held out is called
POOLED = "folds"  # and all of them together
NAME = "crossval.json"  # in the folder that is called after the cross-validation
AGAIN = "prepare the dataset again with --split folds"


@dataclass(frozen=True, slots=True)
class Folds:
    """The folds of a dataset that are held out in turn.

    Args:
        numbers: of the folds.
        of: number of folds that the dataset has.
        leaks: what two folds share besides identities: actors or clips under several identities.
    """

    numbers: tuple[int, ...]
    of: int
    leaks: tuple[Leak, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """What a run found on the fold that it did not see.

    Args:
        fold: number of the fold.
        run: name of the run.
        step: training steps behind its checkpoint.
        evaluated: scores and intervals.
    """

    fold: int
    run: str
    step: int
    evaluated: Evaluated


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """What a cross-validation found.

    Args:
        name: of the cross-validation.
        dataset: name of the dataset.
        manifest: sha256 of its manifest.
        of: number of folds that the dataset has; where fewer were held out, samples of others are missing.
        leaks: see `Folds`.
        folds: fold by fold.
        pooled: scores of all folds together, every sample predicted by a run that did not see its identity.
        predictions: the Parquet file that holds them.
    """

    name: str
    dataset: str
    manifest: str
    of: int
    leaks: tuple[Leak, ...]
    folds: tuple[Fold, ...]
    pooled: Evaluated
    predictions: Path

    @property
    def over_folds(self) -> dict[str, Any]:
        """Mean and standard deviation (over n - 1) of the folds' scores, each fold counting the same.

        A score that is not defined in a fold leaves that fold out; `left_out` says how many.
        """
        return _over([_scores(fold.evaluated.values) for fold in self.folds])

    @property
    def values(self) -> Values:
        """All of it, as crossval.json has it."""
        return {
            "name": self.name,
            "dataset": self.dataset,
            "manifest": self.manifest,
            "of": self.of,
            "leaks": [
                {"kind": leak.kind, "count": leak.count, "rows": leak.rows, "examples": leak.examples}
                for leak in self.leaks
            ],
            "pooled": self.pooled.values,
            "over_folds": self.over_folds,
            "folds": [
                {"fold": fold.fold, "run": fold.run, "step": fold.step, **fold.evaluated.values}
                for fold in self.folds
            ],
        }


def folds(folder: Path, wanted: Sequence[int] | None = None) -> Folds:
    """The folds of a prepared dataset, fit for cross-validation.

    Args:
        folder: the dataset's.
        wanted: numbers of those to hold out; None for all.

    Raises:
        ConfigError: a fold is wanted that the dataset has not.
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
            hint="choose among these with --folds",
        )
    samples = np.bincount(kept["fold"].drop_null().to_numpy(), minlength=count)
    if not samples.all():
        raise DataError(
            f"fold {samples.argmin()} of {folder.name} has no identity: none of its samples can be used",
            hint="prepare the dataset again with fewer folds (--set prepare.folds=...)",
        )
    parts = audit.codes(kept["fold"])
    shared = [audit.shared_names(kept, name, parts, between="fold") for name in audit.NAMES]
    leaks = tuple(leak for leak in shared if leak is not None and leak.count)
    _refuse_identities(folder.name, leaks)
    return Folds(numbers, count, leaks)


def _require_folds(name: str, table: pa.Table) -> None:
    """Refuse a dataset that was not dealt into folds."""
    official = sorted(set(table["split"].drop_null().to_pylist()))
    if official == ["test"]:
        raise DataError(
            f"dataset {name} has only the split test, and no folds",
            hint="score it with elimctl eval --split test, or prepare it with --folds 2 or more",
        )
    if official:
        raise DataError(
            f"dataset {name} has official splits ({', '.join(official)}), which stand in the place of folds",
            hint=f"train on these with elimctl train, or {AGAIN}",
        )
    found = set(table["fold"].drop_null().to_pylist())
    if len(found) < 2:
        raise DataError(f"dataset {name} has {counted(len(found), 'fold')}, at least 2 wanted", hint=AGAIN)


def _refuse_identities(name: str, leaks: Sequence[Leak]) -> None:
    """Refuse folds that share identities: what is held out would have been trained on."""
    for leak in leaks:
        if leak.kind == "identity":
            raise DataError(
                f"{counted(leak.count, 'identity', 'identities')} of {name} in two folds "
                f"({', '.join(leak.examples[:3])} ...): they would be trained on and scored",
                hint=f"see elimctl data audit {name}, and prepare it again",
            )


def summarise(
    workspace: Workspace,
    name: str,
    folder: Path,
    runs: dict[int, str],
    *,
    of: int,
    leaks: Sequence[Leak] = (),
    options: MetricOptions | None = None,
    resampling: Resampling | None = None,
    device: str | None = None,
) -> CrossValidation:
    """Pool the predictions of finished runs, and write `crossval.parquet` and `crossval.json`.

    Args:
        workspace: where the runs are.
        name: of the cross-validation: the folder under `runs/` that the files go to.
        folder: the prepared dataset's.
        runs: name of the run that held each fold out.
        of: number of folds that the dataset has.
        leaks: what the folds share, see `Folds`.
        options: the form of each metric.
        resampling: how intervals are made.
        device: where a run predicts that has no current predictions.

    Raises:
        ConfigError: the dataset was prepared anew since a run began.
    """
    options, resampling = options or MetricOptions(), resampling or Resampling()
    digest = parquet.digest(folder / parquet.NAME)
    found, files = [], []
    for fold, run in runs.items():
        opened = Run(workspace.run(run))
        opened.require_manifest(digest)
        table = predicted(workspace, run, split=SPLIT, execution=Execution(device))
        files.append(opened.predictions(SPLIT))
        evaluated = evaluate_table(table, options, resampling, split=SPLIT)
        found.append(Fold(fold, run, table.protocol["step"], evaluated))
    out = workspace.new_run(name)
    facts = {"run": name, "dataset": folder.name, "manifest": digest, "split": POOLED, "fold": None}
    file = (out / NAME).with_suffix(".parquet")
    together = pool(files, file, protocol={**facts, "metrics": options.model_dump()})
    made = CrossValidation(
        name=name,
        dataset=folder.name,
        manifest=digest,
        of=of,
        leaks=tuple(leaks),
        folds=tuple(found),
        pooled=evaluate_table(together, options, resampling, split=POOLED),
        predictions=file,
    )
    atomic.write_text(out / NAME, json.dumps(made.values, indent=2, allow_nan=False) + "\n")
    return made


def at(values: Values, place: Sequence[str]) -> Any:
    """A score of a cross-validation or of a fold, by axis and metric, or by its rate.

    Raises:
        KeyError: there is none.
    """
    found: Any = values
    for key in place:
        found = found[key]
    return found


def require_place(workspace: Workspace, name: str, wanted: Sequence[int]) -> None:
    """Refuse a name under which something else would be lost or mixed.

    Args:
        workspace: where runs are.
        name: that the cross-validation shall have.
        wanted: numbers of the folds that are held out.

    Raises:
        ConfigError: it is no plain name of a folder, an ordinary run has it, or a cross-validation that held
            out folds which are not wanted now.
    """
    folder = workspace.new_run(name)
    if (folder / "run.json").exists():
        raise ConfigError(
            f"{name} is a run, and a cross-validation of that name would be in its folder",
            hint="choose another name with --run",
        )
    recorded = _recorded(folder / NAME)
    if lost := sorted(recorded - set(wanted)):
        every = ",".join(str(number) for number in sorted(recorded | set(wanted)))
        raise ConfigError(
            f"the cross-validation {name} has held out {_listed(sorted(recorded))} already, and "
            f"{_listed(lost)} would be missing from its scores",
            hint=f"hold these out as well (--folds {every}; what is finished is not done again), or choose "
            "another name with --run",
        )


def _recorded(file: Path) -> set[int]:
    """Folds that a finished cross-validation has held out; none where its file is damaged."""
    try:
        return {fold["fold"] for fold in json.loads(file.read_text(encoding="utf-8"))["folds"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _listed(numbers: Sequence[int]) -> str:
    return f"fold{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def _scores(values: Values) -> Values:
    """The numbers among scores: by axis and metric, None for one that is not defined, or by rate."""
    undefined = set(values.get("undefined") or ())
    axes = {
        axis: {name: None if f"{axis}.{name}" in undefined else value for name, value in values[axis].items()}
        for axis in AXES
        if axis in values
    }
    return axes or {name: values[name] for name in RATES}


def _over(found: Sequence[Any]) -> Any:
    """Mean and standard deviation of numbers that are nested alike, without those that are None."""
    if isinstance(found[0], dict):
        return {key: _over([one[key] for one in found]) for key in found[0]}
    known = [value for value in found if value is not None]
    return {
        "mean": mean(known) if known else None,
        "spread": stdev(known) if len(known) > 1 else None,
        "left_out": len(found) - len(known),
    }
