"""How much mass each sample brings to its transport problem."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from elimctl.transport.precision import full_precision

Norm = Literal["count", "unit", "l2"]


@full_precision
def relevance(
    source: Float[Tensor, "B n d"],
    target: Float[Tensor, "B m d"],
    source_mask: Bool[Tensor, "B n"],
    target_mask: Bool[Tensor, "B m"],
) -> tuple[Float[Tensor, "B n"], Float[Tensor, "B m"]]:
    """Weights by how well a sample agrees with the other side's mean, negative agreement clipped.

    Args:
        source: features, not normalised, so that large ones weigh more; zeros at padding.
        target: as source.
        source_mask: True at real samples.
        target_mask: as source_mask.

    Returns:
        Raw weights, >= 0, 0 at padding; `normalise` scales them.

    Source: Kim & Song 2022, Eq. 8.
    """
    a = torch.einsum("bid,bd->bi", source, _mean(target, target_mask))
    b = torch.einsum("bjd,bd->bj", target, _mean(source, source_mask))
    return a.clamp_min(0) * source_mask, b.clamp_min(0) * target_mask


@full_precision
def self_side(
    source: Float[Tensor, "B n d"],
    target: Float[Tensor, "B m d"],
    source_mask: Bool[Tensor, "B n"],
    target_mask: Bool[Tensor, "B m"],
) -> tuple[Float[Tensor, "B n"], Float[Tensor, "B m"]]:
    """Weights by the norm of a sample's own features; arguments and returns as in `relevance`.

    Source: Kim & Song 2022, Table 4 (self-side, an ablation).
    """
    a = torch.linalg.vector_norm(source, dim=-1)
    b = torch.linalg.vector_norm(target, dim=-1)
    return a * source_mask, b * target_mask


@full_precision
def normalise(
    weights: Float[Tensor, "B n"], mask: Bool[Tensor, "B n"], *, norm: Norm, eps: float = 0.0
) -> Float[Tensor, "B n"]:
    """Scale the weights of each problem.

    Args:
        weights: raw weights, >= 0, 0 at padding. Where all of a problem are 0 they are taken as equal.
        mask: True at real samples, at least one per problem.
        norm: `count` sums to the number of real samples (mean weight 1), `unit` to 1; `l2` has unit
            Euclidean norm, as the paper prints it, although the two sides then differ in mass.
        eps: added to the sum of `count` and `unit`, for bit fidelity with the reference code.

    Source: Kim & Song 2022, Eq. 8; decision A.10 row 4.
    """
    silent = (weights == 0).all(dim=1, keepdim=True)
    weights = torch.where(silent, mask.to(weights.dtype), weights)
    if norm == "l2":
        return weights / torch.linalg.vector_norm(weights, dim=1, keepdim=True)
    mass = 1 if norm == "unit" else mask.sum(dim=1, keepdim=True)
    return mass * weights / (weights.sum(dim=1, keepdim=True) + eps)


def _mean(features: Float[Tensor, "B n d"], mask: Bool[Tensor, "B n"]) -> Float[Tensor, "B d"]:
    """Mean over the real samples; padding holds zeros."""
    return features.sum(dim=1) / mask.sum(dim=1, keepdim=True)
