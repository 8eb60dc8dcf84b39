"""Sign agreement."""

from typing import Literal

import numpy as np
from jaxtyping import Float64

from elimctl.metrics.moments import Moments, counted

ZeroRule = Literal["equal", "never", "skip"]


def sagr(moments: Moments, *, zero: ZeroRule = "equal") -> Float64[np.ndarray, "2"]:
    """Share of samples whose predicted valence or arousal has the sign of the label.

    Args:
        moments: statistics of at least one sample.
        zero: what a label of exactly 0 is worth. `equal`: it agrees with a prediction of exactly 0, as
            sign(0) = 0; `never`: it agrees with nothing; `skip`: such samples are left out.

    Returns:
        (valence, arousal) in [0, 1]; 0 where `skip` leaves no sample.

    Raises:
        DataError: there is no sample.

    Source: decision A.10 row 27; `never` is the form of the published code.
    """
    count = counted(moments)
    if zero == "equal":
        return moments.agreements / count
    agreements = moments.agreements - moments.zero_agreements
    if zero == "never":
        return agreements / count
    return agreements / np.maximum(count - moments.zero_labels, 1)
