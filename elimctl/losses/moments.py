"""Population moments of predictions and labels, per axis."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from elimctl.transport.precision import full_precision


class Moments(NamedTuple):
    """Per axis (valence, arousal); every moment divides by the number of samples.

    Args:
        bias: mean prediction minus mean label.
        covariance: of predictions and labels.
        preds_variance: of the predictions.
        target_variance: of the labels.
    """

    bias: Float[Tensor, " c"]
    covariance: Float[Tensor, " c"]
    preds_variance: Float[Tensor, " c"]
    target_variance: Float[Tensor, " c"]


@full_precision
def population(preds: Float[Tensor, "B c"], target: Float[Tensor, "B c"]) -> Moments:
    """Moments of a batch, differentiable.

    Source: decision A.10 row 29.
    """
    preds_mean, target_mean = preds.mean(dim=0), target.mean(dim=0)
    preds, target = preds - preds_mean, target - target_mean
    return Moments(
        bias=preds_mean - target_mean,
        covariance=(preds * target).mean(dim=0),
        preds_variance=preds.square().mean(dim=0),
        target_variance=target.square().mean(dim=0),
    )
