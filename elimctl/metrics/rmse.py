"""Root mean squared error."""

from typing import Literal

import numpy as np
from jaxtyping import Float64

from elimctl.metrics.moments import Moments, counted

RmseForm = Literal["global", "batch_mean"]


def rmse(moments: Moments, *, form: RmseForm = "global") -> Float64[np.ndarray, "2"]:
    """Root mean squared error of valence and arousal.

    Args:
        moments: statistics of at least one sample.
        form: `global`, the root of the mean over all samples; or `batch_mean`, the mean of the errors of the
            batches as they were folded in, a short last one counting as much as a full one.

    Returns:
        (valence, arousal), in the labels' unit, >= 0; 0 only if every prediction is exact.

    Raises:
        DataError: there is no sample.

    Source: decision A.10 row 26; `batch_mean` is the form of the published code.
    """
    count = counted(moments)
    if form == "batch_mean":
        return moments.batch_rmse / moments.batches
    return np.sqrt(moments.squared_error / count)
