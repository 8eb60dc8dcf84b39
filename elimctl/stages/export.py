"""From a run to a file that other runtimes read, checked against the run before anyone trusts it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from elimctl import atomic, plugins
from elimctl.evaluate.score import MetricOptions, Scores, accumulate, score
from elimctl.export import eager
from elimctl.export.metadata import describe
from elimctl.loader.crop import centre
from elimctl.stages.dataset import Dataset, open_dataset
from elimctl.stages.evaluate import predict_split
from elimctl.train import run
from elimctl.workspace import Workspace

CHECKED_ROWS = 64  # rows on which predictions are compared one by one
CHECK_BATCHES = (1, 7, 56)  # sizes they are compared in: the batch of an export is free


@dataclass(frozen=True, slots=True)
class Export:
    """An exported model and how it compares with the run.

    Args:
        run: name of the run.
        path: the exported file.
        size_mb: its size, 10^6 bytes.
        preds_difference: largest difference of a prediction, in units of the label.
        metric_difference: largest difference of a metric on the validation split.
        scores: scores of the exported model on the validation split.
    """

    run: str
    path: Path
    size_mb: float
    preds_difference: float
    metric_difference: float
    scores: Scores


def export_run(workspace: Workspace, exporter: str, *, name: str | None = None) -> Export:
    """Export the best checkpoint of a run, and check it on the rows of its dataset.

    Args:
        workspace: where the run and its dataset are.
        exporter: name of the exporter's plug-in, the ending of its files.
        name: the run; None for the newest.

    Raises:
        MissingError: there is no such run, dataset or checkpoint.
        ExportError: the export cannot be made, or does not agree with the run; then its file is removed.
    """
    plugin = plugins.find("export", exporter)
    found = run.Run(workspace.run(name))
    config = found.config()
    model, _ = run.load_model(found)
    dataset = open_dataset(workspace.dataset(config.data.name))
    crop_px = config.model.image_px
    path = found.folder / "export" / f"model.{exporter}"
    crop = dict(dataset.reader.attributes["crop"]) | {"centre_px": crop_px}
    metadata = describe(run=found.name, dataset=dataset.name, crop=crop)
    plugin.export(model, path, image_px=crop_px, metadata=metadata)
    try:
        exported = _check(plugin.load(path), model, dataset, found, path)
    except BaseException:
        path.unlink(missing_ok=True)  # an export that disagrees must not be taken for one that does not
        raise
    record = metadata | {
        "crop": crop,
        "preds_difference": exported.preds_difference,
        "metric_difference": exported.metric_difference,
        "scores": asdict(exported.scores),
    }
    atomic.write_text(path.with_suffix(".json"), json.dumps(record, indent=2) + "\n")
    return exported


def _check(
    session: eager.Predict, model: torch.nn.Module, dataset: Dataset, found: run.Run, path: Path
) -> Export:
    """Compare an export with its run: predictions row by row, and every metric of the split `val`."""
    config = found.config()
    crop_px, fold = config.model.image_px, config.data.fold
    rows = dataset.samples("val", fold=fold).index[:CHECKED_ROWS]
    preds_difference = eager.difference(session, model, _images(dataset, rows, crop_px))
    eager.check(preds_difference, tolerance=eager.PREDS_TOLERANCE, what="predictions")

    def scores_of(predict: object) -> Scores:
        batches, _ = predict_split(
            predict,  # type: ignore[arg-type]
            dataset,
            "val",
            fold=fold,
            crop_px=crop_px,
            device="cpu",
        )
        return score(accumulate(batches), MetricOptions(), split="val")

    exported = scores_of(lambda images: torch.from_numpy(session(images.numpy())))
    metric_difference = _largest_difference(exported, scores_of(eager.reference(model)))
    eager.check(metric_difference, tolerance=eager.METRIC_TOLERANCE, what="metrics on val")
    return Export(
        run=found.name,
        path=path,
        size_mb=path.stat().st_size / 1e6,
        preds_difference=preds_difference,
        metric_difference=metric_difference,
        scores=exported,
    )


def _images(dataset: Dataset, rows: np.ndarray, crop_px: int) -> Iterator[np.ndarray]:
    """Centre crops of rows, as batches of different sizes."""
    for part in np.split(rows, np.cumsum(CHECK_BATCHES)):
        yield centre(dataset.reader.read(part), crop_px).transpose(0, 3, 1, 2)


def _largest_difference(one: Scores, other: Scores) -> float:
    """Largest difference between two scores, over all axes and metrics."""
    axes = zip((one.valence, one.arousal), (other.valence, other.arousal), strict=True)
    pairs = [zip(asdict(a).values(), asdict(b).values(), strict=True) for a, b in axes]
    return max(abs(a - b) for pair in pairs for a, b in pair)
