"""The task of a run: valence and arousal, or classes of expression."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elimctl import plugins
from elimctl.errors import ConfigError, DataError
from elimctl.loader import subset
from elimctl.loader.batches import Samples
from elimctl.loader.dataset import Dataset
from elimctl.manifest.row import EXPRESSIONS
from elimctl.metrics.classes import ClassScores, confusion, score_classes
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.score import MetricOptions, Scores, accumulate, score
from elimctl.train.config import RunConfig
from elimctl.train.run import Run

NO_CLASS = ("none", "uncertain", "no face")  # labels of AffectNet that are not expressions

AnyScores = Scores | ClassScores


@dataclass(frozen=True, slots=True)
class Task:
    """What a method learns, and how it is scored."""

    classes: tuple[str, ...] = ()  # names of the classes, by code; none: valence and arousal

    @property
    def width(self) -> int:
        """Length of a prediction."""
        return len(self.classes) or 2

    def samples(self, dataset: Dataset, split: str, *, fold: int) -> Samples:
        """The kept samples of a split that have labels.

        Raises:
            DataError: the split is empty or unknown, a row has no valence or arousal, or no row has a class.
        """
        return dataset.samples(split, fold=fold, classes=self.classes)

    def target(self, samples: Samples) -> np.ndarray:
        """(n, 2) labels, or (n, 1) codes of classes."""
        return samples.target if samples.classes is None else samples.classes[:, None].astype(np.float64)

    def score(self, batches: Iterable[Predictions], options: MetricOptions, *, split: str) -> AnyScores:
        """Scores of predictions; the options apply to valence and arousal."""
        if not self.classes:
            return score(accumulate(batches), options, split=split)
        return score_classes(confusion(batches, len(self.classes)), self.classes, split=split)


def task_of(config: RunConfig, dataset: Dataset) -> Task:
    """The task of a method on a dataset.

    Raises:
        ConfigError: `data.label_noise` with a method that learns valence and arousal.
        DataError: the dataset lacks labels or ages that the method needs.
    """
    plugin = plugins.find("methods", config.method_name)
    for column in getattr(plugin, "NEEDS", ()):
        if not _has(dataset.table, column):
            raise DataError(
                f"{config.method_name} needs the {column} of each person; dataset {dataset.name} has none",
                hint="prepare it with --ages FILE or --ages model, or choose another method",
            )
    if getattr(plugin, "TASK", "regression") == "regression":
        if not (_has(dataset.table, "valence") and _has(dataset.table, "arousal")):
            raise DataError(
                f"{config.method_name} learns valence and arousal; dataset {dataset.name} has none",
                hint="train --method dmue or cross-entropy, which learn classes, or choose another dataset",
            )
        if config.data.label_noise:
            raise ConfigError(
                f"data.label_noise with {config.method_name}, which learns no classes",
                hint="leave data.label_noise out, or train --method dmue or cross-entropy",
            )
        return Task()
    names = class_names(dataset.table)
    if len(names) < 2:
        raise DataError(
            f"{config.method_name} learns classes of expression; dataset {dataset.name} has "
            f"{', '.join(names) or 'none'}",
            hint="prepare raf-db, affectnet or affectnet8, or a folder with a column expression",
        )
    return Task(names)


def training_samples(config: RunConfig, dataset: Dataset, task: Task) -> Samples:
    """The training samples of a run, with their true labels.

    Raises:
        DataError: as `Task.samples`, or there are fewer identities than `train.max_identities`.
    """
    samples = task.samples(dataset, "train", fold=config.data.fold)
    if config.train.max_identities is None:
        return samples
    return subset.identities(samples, config.train.max_identities, seed=config.train.seed)


def with_label_noise(samples: Samples, config: RunConfig) -> Samples:
    """Training samples with the wrong labels of `data.label_noise`."""
    if not config.data.label_noise:
        return samples
    return subset.flipped(samples, config.data.label_noise, seed=config.train.seed)


def trained_task(run: Run) -> Task:
    """The task of a run."""
    return Task(tuple(run.facts().get("classes", ())))


def class_names(table: pa.Table) -> tuple[str, ...]:
    """Classes of expression of the kept rows: AffectNet's in its order, then others by name."""
    kept = table.filter(pc.equal(table["status"], "kept"))
    names = set(pc.unique(kept["expression"].drop_null()).to_pylist()) - set(NO_CLASS)
    return (*(name for name in EXPRESSIONS if name in names), *sorted(names - set(EXPRESSIONS)))


def _has(table: pa.Table, column: str) -> bool:
    kept = table.filter(pc.equal(table["status"], "kept"))
    return kept.num_rows == 0 or kept[column].null_count < kept.num_rows
