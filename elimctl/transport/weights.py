"""How much mass each sample brings to its transport problem."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Norm = Literal["count", "unit", "l2"]


def relevance(
    products: Float[Tensor, "B n m"], source_mask: Bool[Tensor, "#B n"], target_mask: Bool[Tensor, "B m"]
) -> tuple[Float[Tensor, "B n"], Float[Tensor, "B m"]]:
    """Weights by how well a sample agrees with the other side's mean, negative agreement clipped.

    The inner product with a mean is the mean of the inner products.

    Args:
        products: inner products of the features, not normalised, so that large ones weigh more; 0 at padding.
        source_mask: True at real samples, at least one per problem.
        target_mask: as source_mask.

    Returns:
        Raw weights, >= 0, 0 at padding; `normalise` scales them.

    Source: Kim & Song 2022, Eq. 8.
    """
    a = products.sum(dim=2) / target_mask.sum(dim=1, keepdim=True)
    b = products.sum(dim=1) / source_mask.sum(dim=1, keepdim=True)
    return a.clamp_min(0), b.clamp_min(0)


def normalise(
    weights: Float[Tensor, "B n"], mask: Bool[Tensor, "#B n"], *, norm: Norm, eps: float = 0.0
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
    silent = weights.sum(dim=1, keepdim=True) == 0
    weights = torch.where(silent, mask, weights)
    if norm == "l2":
        return weights / torch.linalg.vector_norm(weights, dim=1, keepdim=True)
    total = weights.sum(dim=1, keepdim=True)
    mass = 1 if norm == "unit" else mask.sum(dim=1, keepdim=True)
    return weights * (mass / (total + eps if eps else total))
