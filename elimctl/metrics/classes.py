"""Scores of classes of expression."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int, Int64

from elimctl.errors import DataError
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.rates import RATES, marginals, rates


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Scores of one split whose samples have classes.

    Args:
        split: name of the split.
        count: number of samples.
        accuracy: share of samples whose class was predicted, in [0, 1].
        balanced_accuracy: that share of each class, the mean over the classes that have samples.
        macro_f1: harmonic mean of precision and recall of each class, the mean over the classes that have
            samples or predictions.
        classes: names of the classes, in the order of the confusion.
        confusion: samples by true class (rows) and predicted class (columns).
    """

    split: str
    count: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def best(self) -> float:
        """What the best checkpoint has most of: accuracy (She et al. 2021)."""
        return self.accuracy

    @property
    def logged(self) -> dict[str, float]:
        """What metrics.csv and the trackers keep, by name."""
        return {name: getattr(self, name) for name in RATES}


def confusion(batches: Iterable[Predictions], classes: int) -> Int64[np.ndarray, "C C"]:
    """Samples by true and predicted class; only one batch is held at a time.

    Args:
        batches: `preds` (B, C) with the highest at the predicted class, `target` (B, 1) codes.
        classes: C.
    """
    table = np.zeros((classes, classes), np.int64)
    for batch in batches:
        np.add.at(table, (batch.target[:, 0].astype(np.int64), batch.preds.argmax(axis=1)), 1)
    return table


def score_classes(table: Int64[np.ndarray, "C C"], names: tuple[str, ...], *, split: str) -> ClassScores:
    """Scores from a confusion.

    Args:
        table: samples by true and predicted class.
        names: of the classes.
        split: name of the split that the samples are.

    Returns:
        Scores, none of them NaN.

    Raises:
        DataError: there is no sample.
    """
    count = int(table.sum())
    if not count:
        raise DataError("no sample to score", hint="choose a split that has samples")
    accuracy, balanced_accuracy, macro_f1 = rates(marginals(table.astype(np.float64))).tolist()
    return ClassScores(
        split=split,
        count=count,
        accuracy=accuracy,
        balanced_accuracy=balanced_accuracy,
        macro_f1=macro_f1,
        classes=names,
        confusion=tuple(map(tuple, table.tolist())),
    )


def confusions(
    target: Int64[np.ndarray, " n"],
    preds: Int64[np.ndarray, " n"],
    group: Int[np.ndarray, " n"],
    *,
    groups: int,
    classes: int,
) -> Float64[np.ndarray, "g C C"]:
    """Confusion of each group of samples, as float64.

    Args:
        target: codes of the true classes.
        preds: codes of the predicted ones.
        group: code of each sample's group.
        groups: number of groups.
        classes: number of classes.
    """
    cell = (group * classes + target) * classes + preds
    return np.bincount(cell, minlength=groups * classes**2).reshape(groups, classes, classes).astype(float)


def confusion_of(
    target: Int64[np.ndarray, " n"], preds: Int64[np.ndarray, " n"], *, classes: int
) -> Int64[np.ndarray, "C C"]:
    """Confusion of all samples together.

    Args:
        target: codes of the true classes.
        preds: codes of the predicted ones.
        classes: number of classes.
    """
    return np.bincount(target * classes + preds, minlength=classes**2).reshape(classes, classes)
