"""The identity shift of each target sample, and how it is taken out of the features."""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from elimctl.transport.precision import full_precision

SPREAD_EPS = 1e-6  # Kim & Song 2022, Eq. 4
COST_FLOOR = 1e-8  # a transport that costs nothing counts for little among others, and evenly among its like
Share = Literal["per_sample", "first", "mean"]
Weighting = Literal["cost", "inverse_cost", "equal"]


def identity_shift(M: Float[Tensor, "B n m"], plan: Float[Tensor, "B n m"]) -> Float[Tensor, "B m"]:
    """How far each target sample lies from the source samples it is matched with.

    Args:
        M: costs.
        plan: transport plans.

    Returns:
        mu: the cost of each target sample's column, sum over i of M_ij plan_ij.

    Source: Kim & Song 2022, Eq. 3.
    """
    return (M * plan).sum(dim=1)


def average(
    shift: Float[Tensor, "R T m"], real: Bool[Tensor, "R T"], *, by: Weighting
) -> Float[Tensor, "T m"]:
    """The shifts of each target from several references, averaged into one.

    With `cost` a reference counts in proportion to what the transport from it to the target costs, the sum
    of its shifts. So a reference that differs from the target, and hence shows what is the target's own,
    counts more than one that resembles it and finds next to nothing to remove. With `inverse_cost` it is
    the other way round: the target is compared above all with those near it. `equal` is the plain mean.

    Args:
        shift: from each of R references to each of T targets; 0 at padding.
        real: False where the two are the same identity; True for at least one reference of each target.
        by: what a reference counts.
    """
    cost = shift.sum(dim=2).clamp_min(COST_FLOOR)
    weight = {"cost": cost, "inverse_cost": 1 / cost, "equal": torch.ones_like(cost)}[by] * real
    return (shift * (weight / weight.sum(dim=0)).unsqueeze(2)).sum(dim=0)


def share(shift: Float[Tensor, "B m"], mask: Bool[Tensor, "B m"], *, among: Share) -> Float[Tensor, "B m"]:
    """Which shift each target sample gets.

    Args:
        shift: one per target sample; 0 at padding.
        mask: True at real samples, at least one per problem.
        among: `per_sample` leaves them as they are; `first` gives every sample that of its problem's
            first one, as the reference code does; `mean` gives their mean.

    Source: Kim & Song 2022, Eq. 3 and 4; decision A.10 row 5.
    """
    if among == "first":
        return shift[:, :1].expand_as(shift)
    if among == "mean":
        return (shift.sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True)).expand_as(shift)
    return shift


@full_precision
def remove_shift(
    features: Float[Tensor, "B m d"], shift: Float[Tensor, "B m"], *, divide_spread: bool = True
) -> Float[Tensor, "B m d"]:
    """Features with their shift subtracted and their spread around it divided out.

    Args:
        features: features of target samples; the gradient flows through the spread too.
        shift: mu, one per sample, subtracted from all its components.
        divide_spread: False leaves the spread, and so how large each sample's features are, as it is.

    Returns:
        Features whose root mean square is sigma / (sigma + 1e-6), about 1, if their spread was divided out.

    Source: Kim & Song 2022, Eq. 4.
    """
    centred = features - shift.unsqueeze(-1)
    if not divide_spread:
        return centred
    # vector_norm has gradient 0 at 0, where the root of a mean of squares has NaN (padding, dead samples)
    sigma = torch.linalg.vector_norm(centred, dim=-1, keepdim=True) / math.sqrt(features.shape[-1])
    return centred / (sigma + SPREAD_EPS)
