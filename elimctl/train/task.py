"""What a run learns to tell of a face: valence and arousal, or a class of expression."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elimctl import plugins
from elimctl.errors import DataError
from elimctl.loader import subset
from elimctl.loader.batches import Samples
from elimctl.loader.dataset import Dataset
from elimctl.manifest.row import EXPRESSIONS
from elimctl.metrics.classes import ClassScores, confusion, score_classes
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.score import MetricOptions, Scores, accumulate, score
from elimctl.train.config import RunConfig
from elimctl.train.run import Run

NO_CLASS = ("none", "uncertain", "no face")  # said of a face, and no expression of it

AnyScores = Scores | ClassScores


@dataclass(frozen=True, slots=True)
class Task:
    """What is learned, and how it is scored.

    Args:
        classes: names of the classes, in the order of their codes; none: valence and arousal.
    """

    classes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Numbers that a prediction has."""
        return len(self.classes) or 2

    def samples(self, dataset: Dataset, split: str, *, fold: int) -> Samples:
        """The kept samples of a split that have what is learned.

        Raises:
            DataError: the split is empty or unknown; a row has no valence or arousal; or no row has a class.
        """
        return dataset.samples(split, fold=fold, classes=self.classes)

    def target(self, samples: Samples) -> np.ndarray:
        """(n, 2) labels, or (n, 1) codes of classes."""
        return samples.target if samples.classes is None else samples.classes[:, None].astype(np.float64)

    def score(self, batches: Iterable[Predictions], options: MetricOptions, *, split: str) -> AnyScores:
        """Scores of predictions; the options are of the metrics of valence and arousal."""
        if not self.classes:
            return score(accumulate(batches), options, split=split)
        return score_classes(confusion(batches, len(self.classes)), self.classes, split=split)


def task_of(config: RunConfig, dataset: Dataset) -> Task:
    """What a method learns of a dataset.

    Raises:
        DataError: the method learns classes, or wants ages, and the dataset has none.
    """
    plugin = plugins.find("methods", config.method_name)
    for column in getattr(plugin, "NEEDS", ()):
        if not _has(dataset.table, column):
            raise DataError(
                f"{config.method_name} wants {column} of each person, and dataset {dataset.name} has none",
                hint="prepare it with --ages FILE or --ages model, or choose another method",
            )
    if getattr(plugin, "TASK", "regression") == "regression":
        _require_valence(config, dataset)
        return Task()
    names = class_names(dataset.table)
    if len(names) < 2:
        raise DataError(
            f"{config.method_name} learns classes of expression, and dataset {dataset.name} has "
            f"{', '.join(names) or 'none'}",
            hint="prepare raf-db, affectnet or affectnet8, or a folder with a column expression",
        )
    return Task(names)


def training_samples(config: RunConfig, dataset: Dataset, task: Task) -> Samples:
    """The samples that a run trains on, maybe of some identities alone, with the labels that they have.

    Raises:
        DataError: as `Task.samples`, or there are fewer identities than `train.max_identities`.
    """
    samples = task.samples(dataset, "train", fold=config.data.fold)
    if config.train.max_identities is None:
        return samples
    return subset.identities(samples, config.train.max_identities, seed=config.train.seed)


def trained_task(run: Run) -> Task:
    """What a run has learned."""
    return Task(tuple(run.facts().get("classes", ())))


def class_names(table: pa.Table) -> tuple[str, ...]:
    """Classes of expression of the kept rows, AffectNet's in its order, others by name after them."""
    kept = table.filter(pc.equal(table["status"], "kept"))
    found = set(pc.unique(kept["expression"].drop_null()).to_pylist()) - set(NO_CLASS)
    return (*(name for name in EXPRESSIONS if name in found), *sorted(found - set(EXPRESSIONS)))


def _require_valence(config: RunConfig, dataset: Dataset) -> None:
    if not (_has(dataset.table, "valence") and _has(dataset.table, "arousal")):
        raise DataError(
            f"{config.method_name} learns valence and arousal, and dataset {dataset.name} has none",
            hint="train --method dmue or cross-entropy, which learn classes, or choose another dataset",
        )


def _has(table: pa.Table, column: str) -> bool:
    kept = table.filter(pc.equal(table["status"], "kept"))
    return kept.num_rows == 0 or kept[column].null_count < kept.num_rows
