"""Mean squared error."""

from jaxtyping import Bool, Float
from torch import Tensor

from elimctl.transport.precision import full_precision


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
