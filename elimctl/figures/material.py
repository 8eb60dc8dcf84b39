"""What figures of a run are drawn from, read when it is first asked for."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import nn

from elimctl.commands import crops, features
from elimctl.commands.execution import Execution
from elimctl.commands.saved import read_own
from elimctl.errors import ConfigError, DataError, StoreError
from elimctl.figures.arrays import thinned
from elimctl.figures.matching import Match, chosen_pairs, match, settings
from elimctl.figures.tsne import embed
from elimctl.loader.dataset import Dataset, open_dataset
from elimctl.loader.view import View
from elimctl.loader.windows import clip_runs
from elimctl.metrics.groups import GroupScores
from elimctl.metrics.identity_intervals import identity_intervals
from elimctl.metrics.predictions import PredictionTable
from elimctl.metrics.smoothing import moving_average
from elimctl.store import features as cache
from elimctl.train import hardware, latents, log, run
from elimctl.train.config import RunConfig
from elimctl.train.latents import Watched
from elimctl.train.task import trained_task
from elimctl.workspace import Workspace

FACE_PX = 64  # side of the faces in a figure
TSNE_IDENTITIES, TSNE_SAMPLES = 10, 1000  # identities as in the paper; samples of all of them at most
BATCH_PER_CLASS = 5  # samples of each class in the batch whose uncertainty is estimated


class Batch(NamedTuple):
    """A batch with the certainty of its annotations.

    Args:
        watched: its samples.
        confidence: (n,) scores in (0, 1).
    """

    watched: Watched
    confidence: np.ndarray


class Material:
    """A run's files, and what follows from them.

    Args:
        workspace: where the run and its dataset are.
        name: the run's.
        split: that was scored; also the stem of another file in the run's `eval/`.
        faces: whether faces may be shown.
        execution: device and progress of features.
    """

    def __init__(
        self,
        workspace: Workspace,
        name: str,
        split: str,
        *,
        faces: bool,
        execution: Execution,
    ) -> None:
        self.workspace, self.split, self.shows_faces = workspace, split, faces
        self.run, self.name = run.Run(workspace.run(name)), name
        self.runs = {"": self.run}  # by what tells them apart
        self.pairs: list[
            tuple[int, int]
        ] = []  # codes of identities that are matched; none for some drawn ones
        self._execution = execution

    @property
    def folder(self) -> Path:
        """Where what is made of it goes."""
        return self.workspace.runs / self.name

    @property
    def predictions(self) -> Path:
        """The file of all predictions."""
        return self.run.predictions(self.split)

    @cached_property
    def config(self) -> RunConfig:
        """The run's settings."""
        return self.run.config()

    @cached_property
    def view(self) -> View:
        """What the run's network sees of a crop."""
        return crops.view_of_run(self.run)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that the run learned; none: valence and arousal."""
        return trained_task(self.run).classes

    @cached_property
    def table(self) -> PredictionTable:
        """Every prediction of the split.

        Raises:
            StoreError: the file is damaged, or is of another fold, split or dataset than its name says.
        """
        return read_own(self.run, self.predictions)

    @cached_property
    def axes(self) -> PredictionTable:
        """Every prediction of valence and arousal.

        Raises:
            DataError: the run predicts classes.
        """
        if self.classes:
            raise DataError("the run learns classes, not valence and arousal")
        return self.table

    @cached_property
    def log(self) -> dict[str, np.ndarray]:
        """Columns of metrics.csv, NaN where a step has no value."""
        return log.read(self.run.log)

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset that was scored, as it was then."""
        return self._opened(str(self.table.protocol.get("dataset")), self.table.protocol.get("manifest"))

    @cached_property
    def trained_on(self) -> Dataset:
        """The dataset that the run was trained on, as it was then."""
        return self._opened(str(self.config.data.name), self.run.facts().get("manifest"))

    @cached_property
    def features(self) -> np.ndarray:
        """Features z of the samples of the split, (n, d)."""
        model = features.run_model(self.run.folder, device=self._execution.device or self.config.train.device)
        made = features.extract(
            self.dataset.folder, model, reserve=True, track=self._execution.tracked("features")
        )
        return cache.open(self.dataset.folder, made.key).read(self.table.row)

    @cached_property
    def identity_scores(self) -> tuple[GroupScores, np.ndarray]:
        """Scores of every identity of the split, and their intervals."""
        return identity_intervals(self.axes)

    def choose(self, pairs: Sequence[str]) -> None:
        """Match these pairs of identities, `reference:target`, instead of some that are drawn.

        Raises:
            ConfigError: a pair is none of two identities of the split.
            DataError: the run predicts classes.
        """
        self.pairs = chosen_pairs(pairs, self.axes.identities.names)

    @cached_property
    def smoothed(self) -> np.ndarray | None:
        """Predictions smoothed as `elimctl eval --smooth` chose; None if these were not, or did not gain.

        Raises:
            StoreError: what it noted is damaged.
        """
        path = self.predictions.with_suffix(".smoothing.json")
        if not path.exists():
            return None
        try:
            noted = json.loads(path.read_text(encoding="utf-8"))
            window, step = int(noted["smoothing"]["window"]), int(noted["smoothing"]["step"])
            protocol = noted["protocol"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{path} is damaged: {type(error).__name__} {error}", hint="run elimctl eval --smooth again"
            ) from None
        if protocol != self.axes.protocol or window <= 1:
            return None
        runs = clip_runs(self.axes.clips.code, self.axes.frame, max_step=step)
        return moving_average(self.axes.preds, runs, window=window)

    @cached_property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the samples of some identities in the split, and where t-SNE puts their features."""
        table, rng = self.axes, np.random.default_rng(0)
        drawn = rng.permutation(len(table.identities))[:TSNE_IDENTITIES]
        own = np.flatnonzero(np.isin(table.identities.code, drawn))
        own = own[thinned(len(own), TSNE_SAMPLES)]
        return own, embed(self.features[own], seed=0)

    @cached_property
    def matches(self) -> tuple[list[Match], str]:
        """Some identities of the split, matched, and a remark on how."""
        config, remark = settings(self.config)
        table = self.axes
        found = match(self.features, table.target, table.identities.code, config, pairs=self.pairs)
        return found, remark

    @cached_property
    def device(self) -> torch.device:
        """Where the model runs."""
        return hardware.device(self._execution.device or self.config.train.device)

    @cached_property
    def model(self) -> nn.Module:
        """The trained model, in evaluation mode."""
        model, _ = run.load_model(self.run)
        return model.to(self.device)

    @cached_property
    def annotated(self) -> Watched:
        """All training samples of a run that mines latent distributions.

        Raises:
            DataError: the run's method does not.
        """
        if not (self.classes and hasattr(self.model, "latent")):
            raise DataError(f"{self.config.method_name} has no latent distributions")
        return latents.annotated(self.trained_on, trained_task(self.run), self.config)

    @cached_property
    def batch(self) -> Batch:
        """A batch of training samples, as many of each class, and how certain their annotations seem."""
        watched, rng = self.annotated, np.random.default_rng(self.config.train.seed)
        chosen = [
            rng.permutation(np.flatnonzero(watched.annotated == code))[:BATCH_PER_CLASS]
            for code in range(len(watched.classes))
        ]
        batch = watched.take(np.sort(np.concatenate(chosen)))
        pixels = self.trained_on.pixels(batch.row, self.view)
        with torch.inference_mode():
            classes = torch.from_numpy(batch.annotated).to(self.device)
            z = self.model.encode(pixels.to(self.device))  # type: ignore[operator]
            alpha = self.model.confidence(z, classes)  # type: ignore[operator]
        return Batch(batch, alpha.cpu().numpy())

    def faces(self, dataset: Dataset, rows: Sequence[int] | np.ndarray) -> np.ndarray | None:
        """Small crops of rows of a manifest, (n, 64, 64, 3); None where faces are not shown."""
        if not self.shows_faces:
            return None
        images = self.view.apply(dataset.reader.read(np.asarray(rows)))
        size = (FACE_PX, FACE_PX)
        return np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images])

    def _opened(self, name: str, digest: object) -> Dataset:
        dataset = open_dataset(self.workspace.dataset(name))
        if dataset.digest != digest:
            raise ConfigError(
                f"dataset {name} was prepared again after run {self.run.name} used it",
                hint="evaluate the run again, or train a new one",
            )
        return dataset
