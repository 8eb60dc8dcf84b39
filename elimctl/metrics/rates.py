"""The metrics of expression classes, one entry each; each is a formula over the marginals of a confusion."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

Counts = Float[np.ndarray, "*g 3 C"]  # samples of each class: correct, true and predicted
Value = Float64[np.ndarray, "*g"] | np.float64


@dataclass(frozen=True, slots=True)
class Rate:
    """One metric of classes, in [0, 1]; higher is better, and it is defined for at least one sample.

    Args:
        title: name in tables and figures.
        value: the formula.
        slopes: derivatives by the counts (..., 3, C) of the classes that have samples or predictions.
    """

    title: str
    value: Callable[[Counts], Value]
    slopes: Callable[[Counts], Float64[np.ndarray, "*g 3 C"]]


def marginals(confusion: Float[np.ndarray, "*g C C"]) -> Float64[np.ndarray, "*g 3 C"]:
    """Samples of each class that are correct, true and predicted."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    return np.stack([right, confusion.sum(axis=-1), confusion.sum(axis=-2)], axis=-2)


def rates(counts: Counts) -> Float64[np.ndarray, "*g m"]:
    """Every metric of `RATES`, from `marginals` of at least one sample, added and weighted at will."""
    return np.stack([rate.value(counts) for rate in RATES.values()], axis=-1)


def slopes_of(counts: Counts) -> Float64[np.ndarray, "*g m 3 C"]:
    """Derivatives of `rates` by the counts; 0 for classes without samples and predictions."""
    return np.stack([rate.slopes(counts) for rate in RATES.values()], axis=-3)


def _accuracy(counts: Counts) -> Value:
    right, true, _ = np.moveaxis(counts, -2, 0)
    return right.sum(axis=-1) / true.sum(axis=-1)


def _accuracy_slopes(counts: Counts) -> Float64[np.ndarray, "*g 3 C"]:
    right, true, _ = np.moveaxis(counts, -2, 0)
    number = true.sum(axis=-1, keepdims=True)
    accuracy = right.sum(axis=-1, keepdims=True) / number
    by_right, by_true = (np.broadcast_to(slope, right.shape) for slope in (1 / number, -accuracy / number))
    return np.stack([by_right, by_true, np.zeros(right.shape)], axis=-2)


def _balanced_accuracy(counts: Counts) -> Value:
    right, true, _ = np.moveaxis(counts, -2, 0)
    return (right / np.where(true > 0, true, 1)).sum(axis=-1) / (true > 0).sum(axis=-1)


def _balanced_accuracy_slopes(counts: Counts) -> Float64[np.ndarray, "*g 3 C"]:
    right, true, _ = np.moveaxis(counts, -2, 0)
    weight = (true > 0) / np.where(true > 0, true, 1) / (true > 0).sum(axis=-1, keepdims=True)
    recall = right / np.where(true > 0, true, 1)
    return np.stack([weight, -recall * weight, np.zeros(right.shape)], axis=-2)


def _macro_f1(counts: Counts) -> Value:
    right, true, predicted = np.moveaxis(counts, -2, 0)
    both = true + predicted
    return (2 * right / np.where(both > 0, both, 1)).sum(axis=-1) / (both > 0).sum(axis=-1)


def _macro_f1_slopes(counts: Counts) -> Float64[np.ndarray, "*g 3 C"]:
    right, true, predicted = np.moveaxis(counts, -2, 0)
    both = true + predicted
    weight = (both > 0) / np.where(both > 0, both, 1) / (both > 0).sum(axis=-1, keepdims=True)
    f1 = 2 * right / np.where(both > 0, both, 1)
    return np.stack([2 * weight, -f1 * weight, -f1 * weight], axis=-2)


RATES = {
    # fraction of samples with the correct class
    "accuracy": Rate("accuracy", _accuracy, _accuracy_slopes),
    # recall, averaged over the classes with samples
    "balanced_accuracy": Rate("balanced accuracy", _balanced_accuracy, _balanced_accuracy_slopes),
    # harmonic mean of precision and recall, averaged over the classes with samples or predictions
    "macro_f1": Rate("macro F1", _macro_f1, _macro_f1_slopes),
}
