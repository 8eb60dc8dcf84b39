"""From two runs to the differences of their scores."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from elimctl.commands import crops, evaluate, saved
from elimctl.commands.evaluate import evaluate_run
from elimctl.commands.execution import Execution
from elimctl.errors import MissingError
from elimctl.metrics.compare import Comparison, compare
from elimctl.metrics.detail import Resampling
from elimctl.metrics.predictions import PredictionTable, require_facts
from elimctl.predict.table import read
from elimctl.train import checkpoint, run
from elimctl.workspace import Workspace


def compare_runs(
    workspace: Workspace,
    a: str,
    b: str,
    *,
    split: str = "val",
    resampling: Resampling = Resampling(),
    execution: Execution = Execution(),
) -> Comparison:
    """Compare the best checkpoints of two runs on a split.

    Args:
        workspace: where the runs and the dataset are.
        a: name of the first run.
        b: name of the second.
        split: the split; a run without current predictions for it predicts it.
        resampling: how intervals are computed.
        execution: device and progress.

    Returns:
        The differences, of runs as their folders are called now.

    Raises:
        MissingError: there is no such run, or it has no checkpoint.
        StoreError: saved predictions are damaged, or do not say what they are of.
        DataError: the runs were not scored on the same samples, or learn different things.
    """
    _require_runs(workspace, a, b)
    tables = {
        name: predicted(workspace, name, split=split, execution=execution) for name in dict.fromkeys((a, b))
    }
    table_a, table_b = (
        replace(tables[name], protocol=tables[name].protocol | {"run": name}) for name in (a, b)
    )
    found = compare(table_a, table_b, resampling)
    runs = {name: run.Run(workspace.run(name)) for name in tables}
    return replace(found, remarks=tuple(_remarks(workspace, runs, tables)))


def _remarks(
    workspace: Workspace, runs: dict[str, run.Run], tables: dict[str, PredictionTable]
) -> Iterator[str]:
    """What makes a comparison doubtful: samples that were trained on, crops that were made otherwise."""
    for name, table in tables.items():
        if count := evaluate.trained_rows(workspace, runs[name], table):
            yield (
                f"{name} was trained on {count:,} of these {len(table):,} samples: its scores say little of "
                "other people"
            )
    recipes = {name: crops.recipe_of_run(found) for name, found in runs.items()}
    (first, one), *others = recipes.items()
    for other, recipe in others:
        if recipe is not None and (differing := crops.differences(one, recipe)):
            yield f"{other} was trained on other crops than {first}: {'; '.join(differing)}"
    seen_by = {name: crops.view(found, recipes[name]) for name, found in runs.items()}
    if len({view.share for view in seen_by.values()}) > 1 and None not in recipes.values():
        yield "; ".join(
            f"{name} sees {view.image_px} of {view.stored_px} px of a crop" for name, view in seen_by.items()
        )


def predicted(
    workspace: Workspace,
    name: str | None,
    *,
    split: str,
    execution: Execution = Execution(),
) -> PredictionTable:
    """Predictions of a run on a split of its own dataset; saved ones if they are of its best checkpoint.

    Args:
        workspace: holds the run and the dataset.
        name: name of the run; None for the newest.
        split: the split.
        execution: device and progress.

    Raises:
        MissingError: there is no such run, or it has no checkpoint.
        StoreError: saved predictions are damaged, or do not say what they are of.
    """
    found = run.Run(workspace.run(name))
    path = found.predictions(split)
    if path.exists() and _is_current(table := read(path), found, path):
        require_facts(table, str(path), path=path)
        return table
    evaluated = evaluate_run(workspace, found.name, split=split, execution=execution)
    return read(evaluated.predictions)


def _require_runs(workspace: Workspace, *names: str) -> None:
    """Refuse runs that there are not, before any predicts."""
    for name in names:
        try:
            workspace.run(name)
        except MissingError as error:
            if not list(workspace.runs.glob("*/run.json")):
                raise
            raise MissingError(
                error.message, hint="compare two existing runs: elimctl compare RUN-A RUN-B"
            ) from None


def _is_current(table: PredictionTable, found: run.Run, path: Path) -> bool:
    """Whether predictions are of a run's best checkpoint, on what their file's name says of its dataset."""
    progress = checkpoint.read_progress(found.kept)
    now = {"step": progress.step, "manifest": found.facts().get("manifest")}
    same = {key: table.protocol.get(key) for key in now} == now
    return same and saved.problem(found, path, table.protocol) is None
