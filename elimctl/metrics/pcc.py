"""Pearson's correlation coefficient."""

from typing import Literal

import numpy as np
from jaxtyping import Float64

from elimctl.metrics.moments import Moments, counted

MomentsForm = Literal["population", "reference"]


def pcc(moments: Moments, *, moments_form: MomentsForm = "population") -> Float64[np.ndarray, "2"]:
    """Pearson correlation of predictions and labels.

    Args:
        moments: statistics of at least one sample.
        moments_form: `population`; or `reference`, which divides the n - 1 covariance by population
            deviations and so is n / (n - 1) times as large.

    Returns:
        (valence, arousal) in [-1, 1] (`reference`: up to n / (n - 1) beyond), never NaN: 0 where predictions
        or labels are constant, for then no linear relation is shown.

    Raises:
        DataError: there is no sample.

    Source: decision A.10 row 28; `reference` is the form of the published code.
    """
    deviations = np.sqrt(moments.spread[0]) * np.sqrt(moments.spread[1])
    correlation = np.divide(moments.cross, deviations, out=np.zeros(2), where=deviations > 0)
    return np.clip(correlation, -1, 1) * inflation(moments, moments_form)


def inflation(moments: Moments, moments_form: MomentsForm) -> float:
    """Factor of a form over the population form: n / (n - 1) for `reference`, else 1.

    Raises:
        DataError: there is no sample.
    """
    count = counted(moments)
    return count / (count - 1) if moments_form == "reference" and count > 1 else 1.0
