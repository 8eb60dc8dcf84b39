"""What it costs to move one sample's features onto another's."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from elimctl.transport.precision import full_precision

NORM_FLOOR = 1e-8  # smallest norm divided by; a zero vector is at distance 1 from everything
COSINE_MAX = 2.0  # largest cosine cost, between opposite vectors


@full_precision
def cosine(source: Float[Tensor, "B n d"], target: Float[Tensor, "B m d"]) -> Float[Tensor, "B n m"]:
    """Cosine distances of B problems.

    Args:
        source: features of the source samples.
        target: features of the target samples.

    Returns:
        1 - cos, in [0, 2] up to rounding, in [0, 1] for non-negative features.

    Source: Kim & Song 2022, Eq. 2 (the costs C).
    """
    source = normalize(source, dim=-1, eps=NORM_FLOOR)
    target = normalize(target, dim=-1, eps=NORM_FLOOR)
    return 1 - source @ target.mT
