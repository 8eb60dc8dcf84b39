"""From a run to a temporal head on its features, and what time adds to its scores."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from elimctl.commands import features
from elimctl.commands.conclude import evaluate
from elimctl.commands.execution import Execution, Scoring
from elimctl.config import Values
from elimctl.errors import ConfigError, DataError
from elimctl.loader.batches import Samples
from elimctl.loader.dataset import Dataset, open_dataset
from elimctl.loader.windows import Rows, clip_runs, usual_step
from elimctl.methods.network import Network
from elimctl.methods.temporal_head import HeadOfFrames, TemporalHead
from elimctl.metrics.compare import Comparison as Differences
from elimctl.metrics.compare import compare
from elimctl.metrics.detail import Resampling
from elimctl.metrics.score import Scores
from elimctl.predict.split import BATCH, known_predictions
from elimctl.predict.table import read
from elimctl.store import features as cache
from elimctl.train import hardware, run
from elimctl.train import temporal as training
from elimctl.train.task import Task, trained_task, training_samples
from elimctl.train.temporal import PAIR, Frames, Report, TemporalSettings
from elimctl.workspace import Workspace

WINDOWS = 2  # that can be learned from, at least


@dataclass(frozen=True, slots=True)
class Comparison:
    """A temporal head beside the run's own head and one like it, which both see single frames.

    Args:
        run: name of the run.
        dataset: name of its dataset.
        step: training steps behind the run's checkpoint.
        windows: windows that were learned from.
        epochs: epochs that the temporal head was trained.
        best_epoch: the epoch whose weights were kept, from 1.
        static: scores of the run's own head.
        alone: scores on the same frames of the temporal head's network, trained alike, which sees each frame
            by itself: what it is better than the run's head is not due to time.
        temporal: scores of the temporal head.
        by_time: how the temporal head's scores differ from those of `alone`, with paired intervals; of the
            usual forms of all metrics, whatever was asked for.
        head: the file of the temporal head.
        predictions: the Parquet file of its predictions.
    """

    run: str
    dataset: str
    step: int
    windows: int
    epochs: int
    best_epoch: int
    static: Scores
    alone: Scores
    temporal: Scores
    by_time: Differences
    head: Path
    predictions: Path


@dataclass(frozen=True, slots=True)
class _Part:
    """Samples of a split, and the runs of consecutive frames among them, as positions in it."""

    samples: Samples
    runs: Rows


@dataclass(frozen=True, slots=True)
class _Job:
    """What is to be done, after all that could be refused was not."""

    run: run.Run
    encoder: features.Model
    dataset: Dataset
    fold: int
    settings: TemporalSettings
    train: _Part
    val: _Part
    scored: _Part
    windows: int
    device: torch.device


def temporal_run(
    workspace: Workspace,
    name: str | None = None,
    *,
    split: str = "val",
    settings: TemporalSettings = TemporalSettings(),
    scoring: Scoring = Scoring(),
    execution: Execution = Execution(),
) -> Comparison:
    """Train a temporal head on the features of a run, and score it beside two that see single frames.

    The features are cached: images are seen only where they are not there yet. The run's own files stay as
    they are; head, scores and predictions are in its `temporal/`.

    Args:
        workspace: where the run and its dataset are.
        name: the run; None for the newest.
        split: the split to score.
        settings: the head and its training.
        scoring: metrics and intervals.
        execution: device and progress, of the batches of images and of the epochs of each head.

    Raises:
        MissingError: there is no such run, or it has no checkpoint.
        ConfigError: the run learns classes, or its dataset was prepared anew since.
        DataError: the split is empty or unknown, or the dataset has no time, or too little of it.
        TrainingError: a loss or a prediction is not finite.
    """
    job = _checked(workspace, name, split, settings, execution.device)
    extraction = features.extract(
        job.dataset.folder,
        job.encoder,
        reserve=True,
        track=execution.tracked("features"),
    )
    cached = cache.open(job.dataset.folder, extraction.key)
    train, val, scored = (_frames(part, cached) for part in (job.train, job.val, job.scored))

    def fit(network: type[TemporalHead], what: str) -> tuple[TemporalHead, list[Report]]:
        head = training.build(extraction.width, job.settings, network=network).to(job.device)
        fitting = training.fit(head, train, val, job.settings)
        return head, list(execution.track(fitting, what, job.settings.epochs or 0))

    alone, _ = fit(HeadOfFrames, "single frames")
    temporal, reports = fit(TemporalHead, "temporal head")
    model, progress = run.load_model(job.run)
    facts = {
        "run": job.run.name,
        "step": progress.step,
        "dataset": job.dataset.name,
        "manifest": job.dataset.digest,
        "fold": job.fold,
        "features": extraction.key,
        "settings": job.settings.model_dump(mode="json"),
    }
    path = job.run.folder / "temporal" / "head.safetensors"
    training.save(path, temporal, facts=facts)

    def scores(preds: np.ndarray, stem: str) -> Scores:
        return _score(job, preds, path.with_name(stem), scoring, facts | {"split": split})

    static = scores(_project(model.to(job.device), scored.features, job.device), f"{split}-static")
    by_frame = scores(training.predict(alone, scored), f"{split}-alone")
    by_window = scores(training.predict(temporal, scored), split)
    return Comparison(
        run=job.run.name,
        dataset=job.dataset.name,
        step=progress.step,
        windows=job.windows,
        epochs=len(reports),
        best_epoch=max(reports, key=lambda report: report.ccc).epoch,  # the first of several, as in `fit`
        static=static,
        alone=by_frame,
        temporal=by_window,
        by_time=_differences(path, split, scoring.resampling),
        head=path,
        predictions=path.with_name(f"{split}.parquet"),
    )


def _checked(
    workspace: Workspace, name: str | None, split: str, settings: TemporalSettings, device: str | None
) -> _Job:
    """Open run and dataset, and refuse what cannot be done before anything is computed."""
    found = run.Run(workspace.run(name))
    config, task = found.config(), _require_valence(found)
    on = hardware.device(device or config.train.device)
    encoder = features.run_model(found.folder, device=str(on))
    dataset = open_dataset(workspace.dataset(config.data.name))
    found.require_manifest(dataset.digest)
    settings = _with_step(settings, dataset)
    fold = config.data.fold
    train, val, scored = (
        _Part(samples, _runs(dataset, samples, settings))
        for samples in (
            training_samples(config, dataset, task),
            task.samples(dataset, "val", fold=fold),
            task.samples(dataset, split, fold=fold),
        )
    )
    windows = _count_windows(train, dataset, settings)
    settings = training.resolve(settings, windows=windows)
    return _Job(found, encoder, dataset, fold, settings, train, val, scored, windows, on)


def _require_valence(found: run.Run) -> Task:
    """What a run has learned, if that is valence and arousal."""
    task = trained_task(found)
    if task.classes:
        raise ConfigError(
            f"run {found.name} learns classes; a temporal head needs valence and arousal",
            hint="choose another run with --run NAME",
        )
    return task


def _with_step(settings: TemporalSettings, dataset: Dataset) -> TemporalSettings:
    """The settings, with the interval at which the dataset's frames lie where none was given.

    Raises:
        DataError: no clip has two frames.
    """
    step = usual_step(*_places(dataset.table.filter(pc.equal(dataset.table["status"], "kept"))))
    if step is None:
        raise DataError(
            f"dataset {dataset.name} has one frame per clip, so it has no time",
            hint="choose a run on a dataset of videos",
        )
    return settings.model_copy(update={"max_step": settings.max_step or step})


def _places(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Clip and frame of the rows of a manifest."""
    return table["clip"].to_numpy(zero_copy_only=False), table["frame"].to_numpy()


def _runs(dataset: Dataset, samples: Samples, settings: TemporalSettings) -> Rows:
    clip, frame = _places(dataset.table.select(["clip", "frame"]).take(samples.index))
    return clip_runs(clip, frame, max_step=settings.max_step or 1)


def _count_windows(part: _Part, dataset: Dataset, settings: TemporalSettings) -> int:
    """Number of windows that are learned from.

    Raises:
        DataError: there are fewer than `WINDOWS` with time in them.
    """
    windows = training.windows(part.runs, settings)
    long = sum(len(window) >= PAIR for window in windows)
    if long < WINDOWS:
        raise DataError(
            f"{long} windows of consecutive frames among the {len(part.samples):,} training samples of "
            f"{dataset.name}, {WINDOWS} wanted; frames up to {settings.max_step} apart count as consecutive",
            hint="set temporal.max_step to more, or prepare more clips",
        )
    return len(windows)


def _frames(part: _Part, cached: cache.Features) -> Frames:
    values = torch.from_numpy(cached.read(part.samples.index))
    return Frames(values, torch.from_numpy(part.samples.target), part.runs)


def _score(job: _Job, preds: np.ndarray, path: Path, scoring: Scoring, facts: Values) -> Scores:
    """Score predictions of the frames that are scored, and write them as `elimctl eval` does."""
    samples = job.scored.samples
    evaluated = evaluate(
        known_predictions(preds, samples.index, samples.target, batch_size=BATCH),
        job.dataset.table,
        split=facts["split"],
        path=path,
        scoring=scoring,
        protocol=facts,
    )
    return cast(Scores, evaluated.scores)  # no classes were named


def _differences(path: Path, split: str, resampling: Resampling) -> Differences:
    """How the scores of the temporal head differ from those of single frames."""
    alone, temporal = (read(path.with_name(f"{stem}.parquet")) for stem in (f"{split}-alone", split))
    return replace(compare(alone, temporal, resampling), a="alone", b="temporal")


def _project(model: nn.Module, values: Float32[Tensor, "n d"], on: torch.device) -> np.ndarray:
    """Predictions of a run's own head."""
    project = cast(Network, model).project
    with torch.inference_mode():
        return torch.cat([project(batch.to(on)).cpu() for batch in torch.split(values, BATCH)]).numpy()
