"""Streamed sufficient statistics of predictions and labels, from which every metric is computed.

Batches are folded in one by one, or merged in any grouping; what is kept has the same size for a hundred
samples and for a million.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from elimctl.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Statistics of `count` pairs of predictions and labels; the last axis is (valence, arousal).

    In arrays of shape (2, 2) the first row belongs to the predictions, the second to the labels. Means are
    kept as offsets from an origin, the first sample: values far from zero then lose no digits, and the
    spread of a constant is exactly 0, however it was cut into batches.

    Args:
        count: number of samples.
        origin: (2, 2) the first sample.
        offset: (2, 2) mean minus origin.
        spread: (2, 2) sum of squared deviations from the mean.
        cross: (2,) sum of products of the deviations of predictions and labels.
        squared_error: (2,) sum of squared differences between prediction and label.
        absolute_error: (2,) sum of absolute differences between prediction and label.
        agreements: (2,) samples whose prediction and label have the same sign, where sign(0) = 0.
        zero_agreements: (2,) samples whose prediction and label are both exactly 0.
        zero_labels: (2,) samples whose label is exactly 0.
        batches: number of batches that were folded in.
        batch_rmse: (2,) sum over those batches of their own root mean squared error.
    """

    count: int
    origin: Float64[np.ndarray, "2 2"]
    offset: Float64[np.ndarray, "2 2"]
    spread: Float64[np.ndarray, "2 2"]
    cross: Float64[np.ndarray, "2"]
    squared_error: Float64[np.ndarray, "2"]
    absolute_error: Float64[np.ndarray, "2"]
    agreements: Int64[np.ndarray, "2"]
    zero_agreements: Int64[np.ndarray, "2"]
    zero_labels: Int64[np.ndarray, "2"]
    batches: int
    batch_rmse: Float64[np.ndarray, "2"]

    @property
    def bias(self) -> Float64[np.ndarray, "2"]:
        """Mean prediction minus mean label."""
        return (self.origin[0] - self.origin[1]) + (self.offset[0] - self.offset[1])


def empty() -> Moments:
    """Statistics of no sample, the neutral element of `merge`."""
    pair, quad, counts = np.zeros(2), np.zeros((2, 2)), np.zeros(2, dtype=np.int64)
    return Moments(
        count=0,
        origin=quad,
        offset=quad,
        spread=quad,
        cross=pair,
        squared_error=pair,
        absolute_error=pair,
        agreements=counts,
        zero_agreements=counts,
        zero_labels=counts,
        batches=0,
        batch_rmse=pair,
    )


def update(moments: Moments, preds: Float[np.ndarray, "B 2"], target: Float[np.ndarray, "B 2"]) -> Moments:
    """Fold one batch into the statistics.

    Args:
        moments: statistics so far; not changed.
        preds: finite predictions (valence, arousal), of any float type; the arithmetic is float64.
        target: finite labels (valence, arousal).

    Returns:
        New statistics; equal to `moments` if the batch is empty.
    """
    if len(preds) == 0:
        return moments
    return merge(moments, _of_batch(np.asarray(preds, np.float64), np.asarray(target, np.float64)))


def in_batches(preds: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"], *, size: int) -> Moments:
    """Statistics of samples that are cut into batches; the last one may be smaller.

    Args:
        preds: finite predictions (valence, arousal).
        target: finite labels.
        size: samples of a batch.
    """
    moments = empty()
    for start in range(0, len(preds), size):
        moments = update(moments, preds[start : start + size], target[start : start + size])
    return moments


def merge(a: Moments, b: Moments) -> Moments:
    """Statistics of the samples of `a` and of `b` together; commutative and associative up to rounding.

    Source: Chan, Golub & LeVeque 1979, updating formulae for sample variances.
    """
    if a.count == 0 or b.count == 0:
        return a if b.count == 0 else b
    count = a.count + b.count
    step = (b.origin - a.origin) + (b.offset - a.offset)  # from the means of a to the means of b
    weight = a.count * b.count / count
    return Moments(
        count=count,
        origin=a.origin,
        offset=a.offset + step * (b.count / count),
        spread=a.spread + b.spread + step**2 * weight,
        cross=a.cross + b.cross + step[0] * step[1] * weight,
        squared_error=a.squared_error + b.squared_error,
        absolute_error=a.absolute_error + b.absolute_error,
        agreements=a.agreements + b.agreements,
        zero_agreements=a.zero_agreements + b.zero_agreements,
        zero_labels=a.zero_labels + b.zero_labels,
        batches=a.batches + b.batches,
        batch_rmse=a.batch_rmse + b.batch_rmse,
    )


def counted(moments: Moments) -> int:
    """Number of samples, at least one.

    Raises:
        DataError: there is none, so no metric is defined.
    """
    if moments.count == 0:
        raise DataError("no sample to score", hint="choose a split that has samples")
    return moments.count


def _of_batch(preds: Float64[np.ndarray, "B 2"], target: Float64[np.ndarray, "B 2"]) -> Moments:
    values = np.stack([preds, target])
    origin = values[:, 0]
    shifted = values - origin[:, None]
    offset = shifted.mean(axis=1)
    deviations = shifted - offset[:, None]
    squared_error = ((preds - target) ** 2).sum(axis=0)
    agree = np.sign(preds) == np.sign(target)
    return Moments(
        count=len(preds),
        origin=origin,
        offset=offset,
        spread=(deviations**2).sum(axis=1),
        cross=(deviations[0] * deviations[1]).sum(axis=0),
        squared_error=squared_error,
        absolute_error=np.abs(preds - target).sum(axis=0),
        agreements=agree.sum(axis=0, dtype=np.int64),
        zero_agreements=(agree & (target == 0)).sum(axis=0, dtype=np.int64),
        zero_labels=(target == 0).sum(axis=0, dtype=np.int64),
        batches=1,
        batch_rmse=np.sqrt(squared_error / len(preds)),
    )
