"""Cross-validation: the runs that hold out each fold, and their scores, pooled and fold by fold."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from elimctl import atomic
from elimctl.commands.compare import predicted
from elimctl.commands.conclude import Evaluated
from elimctl.commands.crossval import NAME, POOLED, SPLIT, Folds
from elimctl.commands.execution import Execution, Scoring
from elimctl.commands.pool import evaluate_table, pool
from elimctl.config import Values, merge
from elimctl.experiments.jobs import Job
from elimctl.manifest import parquet
from elimctl.metrics.rates import RATES
from elimctl.metrics.table import AXES
from elimctl.train.run import Run
from elimctl.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Fold:
    """Scores of a run on the fold that it held out."""

    fold: int  # number of the fold
    run: str  # name of the run
    step: int  # training steps of its checkpoint
    evaluated: Evaluated  # scores and intervals


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """Result of a cross-validation."""

    name: str  # of the cross-validation
    manifest: str  # sha256 of the dataset's manifest
    held_out: Folds  # the dataset and its folds
    folds: tuple[Fold, ...]  # scores of each fold
    # scores of all held-out samples together; no sample was predicted by a run trained on its identity
    pooled: Evaluated
    predictions: Path  # Parquet file of the pooled predictions

    @property
    def over_folds(self) -> dict[str, Any]:
        """Mean and standard deviation (n - 1) of each score over the folds, all with the same weight.

        A fold with an undefined score is left out; `left_out` counts such folds.
        """
        return _over([_scores(fold.evaluated.values) for fold in self.folds])

    @property
    def values(self) -> Values:
        """Content of crossval.json."""
        return {
            "name": self.name,
            "dataset": self.held_out.dataset.name,
            "manifest": self.manifest,
            "of": self.held_out.of,
            "leaks": [
                {"kind": leak.kind, "count": leak.count, "rows": leak.rows, "examples": leak.examples}
                for leak in self.held_out.leaks
            ],
            "pooled": self.pooled.values,
            "over_folds": self.over_folds,
            "folds": [
                {"fold": fold.fold, "run": fold.run, "step": fold.step, **fold.evaluated.values}
                for fold in self.folds
            ],
        }


def plan(name: str, tables: Values, folds: Folds, *, seed: int) -> list[Job]:
    """The run of each held-out fold, `<name>-f<fold>`."""
    jobs = []
    for fold in folds.numbers:
        of_run = {"data": {"name": folds.dataset.name, "fold": fold}, "run": {"split": SPLIT}}
        jobs.append(Job(f"{name}-f{fold}", "", seed, fold, merge(tables, of_run)))
    return jobs


def summarise(
    workspace: Workspace,
    name: str,
    held_out: Folds,
    jobs: Sequence[Job],
    *,
    scoring: Scoring,
    execution: Execution,
) -> CrossValidation:
    """Pool the predictions of finished runs, and write `crossval.parquet` and `crossval.json`.

    Args:
        workspace: where the runs are.
        name: of the cross-validation; the files go to `runs/<name>`.
        held_out: the dataset and its folds.
        jobs: the run of each fold.
        scoring: of the predictions.
        execution: for runs without saved predictions.

    Raises:
        ConfigError: the dataset has changed since a run began.
    """
    dataset = held_out.dataset
    digest = parquet.digest(dataset / parquet.NAME)
    folds, files = [], []
    for job in jobs:
        run = Run(workspace.run(job.name))
        run.require_manifest(digest)
        table = predicted(workspace, job.name, split=SPLIT, execution=execution)
        files.append(run.predictions(SPLIT))
        evaluated = evaluate_table(table, scoring.options, scoring.resampling, split=SPLIT)
        folds.append(Fold(job.fold, job.name, table.protocol["step"], evaluated))
    out = workspace.new_run(name)
    facts = {"run": name, "dataset": dataset.name, "manifest": digest, "split": POOLED, "fold": None}
    file = (out / NAME).with_suffix(".parquet")
    together = pool(files, file, protocol={**facts, "metrics": scoring.options.model_dump()})
    pooled = evaluate_table(together, scoring.options, scoring.resampling, split=POOLED)
    result = CrossValidation(name, digest, held_out, tuple(folds), pooled, file)
    atomic.write_text(out / NAME, json.dumps(result.values, indent=2, allow_nan=False) + "\n")
    return result


def _scores(values: Values) -> Values:
    """The numbers among scores, by axis and metric or by rate; None for an undefined one."""
    undefined = set(values.get("undefined") or ())
    axes = {
        axis: {name: None if f"{axis}.{name}" in undefined else value for name, value in values[axis].items()}
        for axis in AXES
        if axis in values
    }
    return axes or {name: values[name] for name in RATES}


def _over(folds: Sequence[Any]) -> Any:
    """Mean and standard deviation of numbers that are nested alike, without None."""
    if isinstance(folds[0], dict):
        return {key: _over([fold[key] for fold in folds]) for key in folds[0]}
    known = [value for value in folds if value is not None]
    return {
        "mean": mean(known) if known else None,
        "spread": stdev(known) if len(known) > 1 else None,
        "left_out": len(folds) - len(known),
    }
