"""From two runs to the differences of their scores."""

from pathlib import Path

from elimctl.evaluate.compare import Comparison, compare
from elimctl.evaluate.detail import Resampling
from elimctl.evaluate.table import PredictionTable, read
from elimctl.stages.evaluate import Track, evaluate_run
from elimctl.train import checkpoint, run
from elimctl.workspace import Workspace


def compare_runs(
    workspace: Workspace,
    a: str,
    b: str,
    *,
    split: str = "val",
    resampling: Resampling | None = None,
    device: str | None = None,
    track: Track = lambda batches, _: batches,
) -> Comparison:
    """Compare the best checkpoints of two runs on a split.

    Args:
        workspace: where the runs and the dataset are.
        a: name of the first run.
        b: name of the second.
        split: the split; a run that has no predictions for it, or older ones, predicts it.
        resampling: how intervals are made.
        device: where runs predict; None for the one each was trained on.
        track: wraps the batches of predictions, told their number.

    Raises:
        MissingError: there is no such run, or it has no checkpoint.
        StoreError: saved predictions are damaged.
        DataError: the runs were not scored on the same samples, or learn different things.
    """
    table_a, table_b = (
        predicted(workspace, name, split=split, device=device, track=track) for name in (a, b)
    )
    return compare(table_a, table_b, resampling or Resampling())


def predicted(
    workspace: Workspace,
    name: str | None,
    *,
    split: str,
    device: str | None = None,
    track: Track = lambda batches, _: batches,
) -> PredictionTable:
    """Predictions of a run on a split of its own dataset, saved ones where they are of its best checkpoint.

    Args:
        workspace: where the run and the dataset are.
        name: the run; None for the newest.
        split: the split.
        device: where the run predicts.
        track: wraps the batches of predictions, told their number.

    Raises:
        MissingError: there is no such run, or it has no checkpoint.
        StoreError: saved predictions are damaged.
    """
    found = run.Run(workspace.run(name))
    path = found.folder / "eval" / f"{split}.parquet"
    if path.exists() and _is_current(table := read(path), found):
        return table
    return read(_evaluated(workspace, found.name, split=split, device=device, track=track))


def _is_current(table: PredictionTable, found: run.Run) -> bool:
    """Whether predictions are of a run's best checkpoint, on the dataset that it was trained on."""
    progress = checkpoint.read_progress(found.best if found.best.exists() else found.last)
    now = {"step": progress.step, "manifest": found.facts().get("manifest")}
    return {key: table.protocol.get(key) for key in now} == now


def _evaluated(workspace: Workspace, name: str, *, split: str, device: str | None, track: Track) -> Path:
    return evaluate_run(workspace, name=name, split=split, device=device, track=track).predictions
