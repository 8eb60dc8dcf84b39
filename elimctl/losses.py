"""Losses of predicted valence and arousal: CCC, PCC, RMSE, MSE, from population moments."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from elimctl.transport.precision import full_precision

# The only torch definitions of CCC, PCC and RMSE. They do not use the formulas of `metrics.table`, which
# round float32 differently (sums, not means) and have infinite gradients where moments are 0.
EPS = 1e-8  # smallest denominator, or product of standard deviations, divided by


def ccc(preds: Float[Tensor, "B 2"], target: Float[Tensor, "B 2"]) -> Float[Tensor, ""]:
    """One minus the mean over both axes of the concordance correlation.

    Args:
        preds: (valence, arousal) of at least two samples.
        target: labels.

    Returns:
        A scalar in [0, 2]; 1 where predictions or labels are constant.

    Source: Kim & Song 2022, appendix section 3; population moments by decision A.10 row 29.
    """
    moments = population(preds, target)
    scale = moments.preds_variance + moments.target_variance + moments.bias.square()
    return 1 - (2 * moments.covariance / scale.clamp_min(EPS)).mean()


def pcc(preds: Float[Tensor, "B 2"], target: Float[Tensor, "B 2"]) -> Float[Tensor, ""]:
    """One minus the mean over both axes of Pearson's correlation.

    Args:
        preds: (valence, arousal) of at least two samples.
        target: labels.

    Returns:
        A scalar in [0, 2]; 1 where predictions or labels are constant.

    Source: Kim & Song 2022, appendix section 3; population moments by decision A.10 row 29.
    """
    moments = population(preds, target)
    # floored before the root, whose gradient at 0 is infinite
    spread = (moments.preds_variance * moments.target_variance).clamp_min(EPS**2).sqrt()
    return 1 - (moments.covariance / spread).mean()


@full_precision
def rmse(preds: Float[Tensor, "B 2"], target: Float[Tensor, "B 2"]) -> Float[Tensor, ""]:
    """The two axes' root mean squared errors, added up.

    Args:
        preds: (valence, arousal).
        target: labels.

    Source: the code of Kim & Song 2021; decision D.2, step 1.
    """
    # vector_norm has gradient 0 at 0, where the root of a mean of squares has NaN
    return torch.linalg.vector_norm(preds - target, dim=0).sum() / math.sqrt(len(preds))


@full_precision
def mse(preds: Float[Tensor, "B 2"], target: Float[Tensor, "B 2"]) -> Float[Tensor, ""]:
    """Mean over all entries of the squared difference.

    Args:
        preds: (valence, arousal).
        target: labels.

    Source: Kim & Song 2022, Eq. 6, with the mean over entries that the reference code takes.
    """
    return (preds - target).square().mean()


@full_precision
def grouped_mse(
    preds: Float[Tensor, "G n 2"], target: Float[Tensor, "G n 2"], mask: Bool[Tensor, "G n"]
) -> Float[Tensor, " G"]:
    """The `mse` of each group.

    Args:
        preds: (valence, arousal); finite at padding.
        target: labels; finite at padding.
        mask: True at real samples, at least one per group.
    """
    per_sample = (preds - target).square().mean(dim=2)
    return (per_sample * mask).sum(dim=1) / mask.sum(dim=1)


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
