"""Lin's concordance correlation coefficient."""

import numpy as np
from jaxtyping import Float64

from elimctl.metrics.moments import Moments
from elimctl.metrics.pcc import MomentsForm, inflation


def ccc(moments: Moments, *, moments_form: MomentsForm = "population") -> Float64[np.ndarray, "2"]:
    """Concordance of predictions and labels: correlation, less what scale and bias differ.

    Args:
        moments: statistics of at least one sample.
        moments_form: `population`; or `reference`, whose covariance alone divides by n - 1, so that it is
            n / (n - 1) times as large.

    Returns:
        (valence, arousal) in [-1, 1] (`reference`: up to n / (n - 1) beyond), never above |PCC| of the same
        form and never NaN: 0 where predictions or labels are constant. That holds even where both are the
        same constant: nothing varied, so nothing was shown to move together, and the training loss gives 0
        there too.

    Raises:
        DataError: there is no sample.

    Source: Lin 1989; decision A.10 row 28, `reference` is the form of the published code.
    """
    scale = moments.spread.sum(axis=0) + moments.count * moments.bias**2
    concordance = np.divide(2 * moments.cross, scale, out=np.zeros(2), where=scale > 0)
    return concordance * inflation(moments, moments_form)
