"""Loss of Lin's concordance correlation coefficient."""

from jaxtyping import Float
from torch import Tensor

from elimctl.losses.moments import population

EPS = 1e-8  # smallest denominator divided by


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
