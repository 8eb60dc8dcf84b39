"""Draw the samples that take part in matching: strong expressions are likelier."""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from elimctl.transport.precision import full_precision

PROBABILITY_FLOOR = 1e-12  # a label of (0, 0) would have probability 0 and score minus infinity


@torch.no_grad()
@full_precision
def gumbel_top_k(
    labels: Float[Tensor, "B n c"],
    uniform: Float[Tensor, "B n"],
    mask: Bool[Tensor, "B n"],
    *,
    k: int,
) -> Int64[Tensor, "B k"]:
    """Draw k samples of every group without replacement, with probability proportional to label norm.

    No temperature is offered: the selection does not depend on it.

    Args:
        labels: (valence, arousal); finite at padding.
        uniform: noise in [0, 1), one number per sample.
        mask: True at real samples.
        k: samples to draw, >= 1.

    Returns:
        Positions within the group, highest score first, min(k, n) of them. A group with fewer real samples
        gives all of these, then padding.

    Source: Kim & Song 2022, Eq. 7.
    """
    score = torch.where(mask, gumbel_score(labels, uniform), -torch.inf)
    return score.topk(min(k, score.shape[1]), dim=1).indices


@full_precision
def gumbel_score(labels: Float[Tensor, "B n c"], uniform: Float[Tensor, "B n"]) -> Float[Tensor, "B n"]:
    """Logarithm of each label's share in the norms of its group, plus Gumbel noise; always finite.

    Args:
        labels: (valence, arousal).
        uniform: noise in [0, 1).

    Source: Kim & Song 2022, Eq. 7.
    """
    strength = torch.linalg.vector_norm(labels, dim=-1)
    pi = strength / strength.sum(dim=1, keepdim=True).clamp_min(PROBABILITY_FLOOR)
    limits = torch.finfo(uniform.dtype)
    noise = -torch.log(-torch.log(uniform.clamp(limits.tiny, 1 - limits.eps)))
    return pi.clamp_min(PROBABILITY_FLOOR).log() + noise
