"""Root mean squared error."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from elimctl.transport.precision import full_precision


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
