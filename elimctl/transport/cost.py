"""What it costs to move one sample's features onto another's."""

from jaxtyping import Float
from torch import Tensor

NORM_FLOOR = 1e-8  # smallest norm divided by; a zero vector is at distance 1 from everything
COSINE_MAX = 2.0  # largest cosine cost, between opposite vectors


def cosine(
    products: Float[Tensor, "B n m"], source_norm: Float[Tensor, "#B n"], target_norm: Float[Tensor, "B m"]
) -> Float[Tensor, "B n m"]:
    """Cosine distances of B problems.

    Args:
        products: inner products of the features.
        source_norm: Euclidean norms of the source features.
        target_norm: Euclidean norms of the target features.

    Returns:
        1 - cos, in [0, 2] up to rounding, in [0, 1] for non-negative features.

    Source: Kim & Song 2022, Eq. 2 (the costs C).
    """
    source_norm, target_norm = source_norm.clamp_min(NORM_FLOOR), target_norm.clamp_min(NORM_FLOOR)
    return 1 - products / (source_norm.unsqueeze(2) * target_norm.unsqueeze(1))
