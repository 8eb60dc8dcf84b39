"""Scores of classes of expression."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Int64

from elimctl.errors import DataError
from elimctl.evaluate.predict import Predictions


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
        return {
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
        }

    def to_json(self) -> str:
        """The scores as one JSON object, its keys in the order of the fields."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"


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
        raise DataError("no sample to score, at least one wanted", hint="choose a split that has samples")
    right, true, predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    recall = right[true > 0] / true[true > 0]
    present = true + predicted > 0
    f1 = 2 * right[present] / (true + predicted)[present]
    return ClassScores(
        split=split,
        count=count,
        accuracy=float(right.sum() / count),
        balanced_accuracy=float(recall.mean()),
        macro_f1=float(f1.mean()),
        classes=names,
        confusion=tuple(map(tuple, table.tolist())),
    )
