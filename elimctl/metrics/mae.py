"""Mean absolute error."""

import numpy as np
from jaxtyping import Float64

from elimctl.metrics.moments import Moments, counted


def mae(moments: Moments) -> Float64[np.ndarray, "2"]:
    """Mean absolute error of valence and arousal.

    Args:
        moments: statistics of at least one sample.

    Returns:
        (valence, arousal), in the labels' unit, >= 0 and never above the RMSE of all samples together.

    Raises:
        DataError: there is no sample.
    """
    return moments.absolute_error / counted(moments)
