"""Loss of Pearson's correlation coefficient."""

from jaxtyping import Float
from torch import Tensor

from elimctl.losses.moments import population

EPS = 1e-8  # smallest product of standard deviations divided by


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
