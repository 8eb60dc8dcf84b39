"""Export the model of a run to a file for other runtimes, and check it against the run."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from elimctl import atomic, plugins
from elimctl.commands import crops
from elimctl.commands.evaluate import predict_split
from elimctl.export import eager
from elimctl.export.metadata import describe
from elimctl.loader.dataset import Dataset, open_dataset
from elimctl.loader.view import View
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.score import MetricOptions, accumulate, score
from elimctl.train import run
from elimctl.train.config import RunConfig
from elimctl.train.task import AnyScores, Task, trained_task
from elimctl.workspace import Workspace

CHECKED_ROWS = 64  # rows whose predictions are compared one by one
CHECK_BATCHES = (1, 7, 56)  # batch sizes of this check


@dataclass(frozen=True, slots=True)
class Export:
    """An exported model and its differences from the run."""

    run: str  # name of the run
    path: Path  # the exported file
    size_mb: float  # size of the file, 10^6 bytes
    preds_difference: float  # largest difference of a prediction, in units of the label
    metric_difference: float  # largest difference of a metric on the validation split
    scores: AnyScores  # scores of the exported model on the validation split


def export_run(workspace: Workspace, exporter: str, *, name: str | None = None) -> Export:
    """Export the best checkpoint of a run (None: the newest), and check it on the rows of its dataset.

    The exporter's name is also the suffix of its files.

    Raises:
        MissingError: the run, its dataset or its checkpoint does not exist.
        ConfigError: the dataset changed since the run began.
        ExportError: the export failed or differs from the run; an earlier export is kept.
    """
    plugin = plugins.find("export", exporter)
    source = run.Run(workspace.run(name))
    config = source.config()
    model, _ = run.load_model(source)
    dataset = open_dataset(workspace.dataset(config.data.name))
    view = crops.view_of_run(source)
    path = source.folder / "export" / f"model.{exporter}"
    source.require_manifest(dataset.digest)
    crop = crops.recipe(dataset.folder) | {"centre_px": view.image_px}
    task = trained_task(source)
    metadata = describe(run=source.name, dataset=dataset.name, crop=crop, classes=task.classes)
    # an export that fails the check leaves an earlier one in place
    with atomic.replacing(path) as beside:
        plugin.export(model, beside, image_px=view.image_px, metadata=metadata)
        preds_difference, metric_difference, scores = _check(
            plugin.load(beside), model, dataset, task, config, view
        )
        size_mb = beside.stat().st_size / 1e6
    record = metadata | {
        "crop": crop,
        "preds_difference": preds_difference,
        "metric_difference": metric_difference,
        "scores": asdict(scores),
    }
    atomic.write_text(path.with_name(f"{path.name}.json"), json.dumps(record, indent=2) + "\n")
    return Export(source.name, path, size_mb, preds_difference, metric_difference, scores)


def _check(
    session: eager.Predict,
    model: torch.nn.Module,
    dataset: Dataset,
    task: Task,
    config: RunConfig,
    view: View,
) -> tuple[float, float, AnyScores]:
    """Compare an export with its run on the split `val`; ExportError if a difference is too large.

    Returns:
        The largest differences of a prediction and of a metric, and the export's scores.
    """
    rows = task.samples(dataset, "val", fold=config.data.fold).index[:CHECKED_ROWS]
    single = eager.difference(session, model, _images(dataset, rows, view))
    eager.check(single, tolerance=eager.PREDS_TOLERANCE, what="predictions")

    def predict_all(predict: Callable[[torch.Tensor], torch.Tensor]) -> list[Predictions]:
        fold = config.data.fold
        return list(predict_split(predict, dataset, task, "val", fold=fold, view=view, device="cpu")[0])

    exported = predict_all(lambda images: torch.from_numpy(session(images.numpy())))
    original = predict_all(eager.reference(model))
    if task.classes:
        scores = task.score(exported, MetricOptions(), split="val")
        difference = abs(scores.best - task.score(original, MetricOptions(), split="val").best)
    else:
        difference = metric_difference(exported, original)
    eager.check(difference, tolerance=eager.METRIC_TOLERANCE, what="metrics on val")
    return single, difference, task.score(exported, MetricOptions(), split="val")


def _images(dataset: Dataset, rows: np.ndarray, view: View) -> Iterator[np.ndarray]:
    """Yield the model's input for rows, in batches of several sizes."""
    for part in np.split(rows, np.cumsum(CHECK_BATCHES)):
        yield view.apply(dataset.reader.read(part)).transpose(0, 3, 1, 2)


def metric_difference(exported: list[Predictions], original: list[Predictions]) -> float:
    """Compute the largest difference of a metric between two sets of predictions for the same samples.

    RMSE and CCC always count. PCC ignores the scale of predictions: for almost constant predictions it is a
    correlation of rounding errors. It counts if rounding cannot change it by the tolerance. SAGR depends on
    signs: it counts if no prediction is within rounding of 0.
    """
    both = exported, original
    one, other = (score(accumulate(batches), MetricOptions(), split="val") for batches in both)
    a, b = (np.concatenate([batch.preds for batch in batches]) for batches in both)
    differences = []
    for axis, name in enumerate(("valence", "arousal")):
        rounding = np.abs(a[:, axis] - b[:, axis]).max()
        metrics = ["rmse", "ccc"]
        if rounding <= eager.METRIC_TOLERANCE * b[:, axis].std():
            metrics.append("pcc")
        if np.abs(b[:, axis]).min() > rounding:
            metrics.append("sagr")
        scores = getattr(one, name), getattr(other, name)
        differences += [abs(scores[0][metric] - scores[1][metric]) for metric in metrics]
    return float(np.max(differences))
