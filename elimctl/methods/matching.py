"""From the groups of a batch to the identity shift of each of their samples."""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from elimctl.loader.groups import PADDING
from elimctl.transport.cost import COSINE_MAX, cosine
from elimctl.transport.gumbel import gumbel_top_k
from elimctl.transport.precision import full_precision
from elimctl.transport.sinkhorn import sinkhorn, sinkhorn_log
from elimctl.transport.weights import Norm, normalise, relevance

Sampling = Literal["gumbel", "none", "max-filling"]
Weights = Literal["relevance", "self_side"]
# plain Sinkhorn multiplies kernel and scalings, each within exp(-40) and exp(40); float32 ends at exp(88)
LARGEST_EXPONENT = 40.0


def select(
    groups: Int64[Tensor, "N n"],
    target: Float[Tensor, "B 2"],
    *,
    sampling: Sampling,
    k: int,
    generator: torch.Generator,
) -> Int64[Tensor, "N k"]:
    """Choose the samples of each group that take part in matching.

    Args:
        groups: positions in the batch, padded at the end with -1.
        target: labels of the batch.
        sampling: `gumbel` draws k by label strength, `none` keeps all, `max-filling` repeats the last
            sample of each shorter group until all are as long as the longest.
        k: samples of a group, `gumbel` only.
        generator: on the CPU.

    Returns:
        Positions in the batch, padded at the end with -1.

    Source: Kim & Song 2022, Eq. 7; decision A.10 row 20.
    """
    mask = groups != PADDING
    if sampling == "none":
        return groups
    if sampling == "max-filling":
        last = mask.sum(dim=1, keepdim=True) - 1
        place = torch.arange(groups.shape[1], device=groups.device).expand_as(groups)
        return groups.gather(1, torch.minimum(place, last))
    uniform = torch.rand(groups.shape, generator=generator).to(groups.device, non_blocking=True)
    return groups.gather(1, gumbel_top_k(gather(target, groups), uniform, mask, k=k))


def gather(values: Float[Tensor, "B c"], groups: Int64[Tensor, "N n"]) -> Float[Tensor, "N n c"]:
    """Values of the samples of each group, zeros at padding."""
    return torch.where((groups != PADDING).unsqueeze(2), values[groups.clamp_min(0)], 0)


def plan_and_cost(
    reference: Float[Tensor, "n d"],
    targets: Float[Tensor, "T m d"],
    reference_mask: Bool[Tensor, " n"],
    target_mask: Bool[Tensor, "T m"],
    *,
    reg: float,
    n_iter: int,
    tol: float | None = None,
    eps: float = 0.0,
    weights: Weights = "relevance",
    norm: Norm = "count",
    log_domain: bool | None = None,
) -> tuple[Float[Tensor, "T n m"], Float[Tensor, "T n m"]]:
    """Match every target group with the reference group, all at once.

    Args:
        reference: features of the reference identity, zeros at padding.
        targets: features of the T other identities, zeros at padding.
        reference_mask: True at real samples.
        target_mask: True at real samples.
        reg: entropic regularisation, in units of the cosine cost.
        n_iter: Sinkhorn iterations.
        tol: tolerance of the solver, None for exactly `n_iter` iterations.
        eps: added in the places where the reference code adds it.
        weights: which raw weights samples get.
        norm: how weights are scaled.
        log_domain: None chooses by `reg`.

    Returns:
        Plans and costs.

    Source: Kim & Song 2022, Eq. 2 and 8.
    """
    a, b, M = problems(reference, targets, reference_mask, target_mask, weights=weights, norm=norm, eps=eps)
    source_mask = reference_mask.unsqueeze(0)
    if log_domain if log_domain is not None else needs_log_domain(reg):
        plan = sinkhorn_log(a, b, M, reg=reg, n_iter=n_iter, tol=tol, mask=source_mask)
    else:
        plan = sinkhorn(a, b, M, reg=reg, n_iter=n_iter, tol=tol, mask=source_mask, eps=eps)
    return plan, M


@full_precision
def problems(
    reference: Float[Tensor, "n d"],
    targets: Float[Tensor, "T m d"],
    reference_mask: Bool[Tensor, " n"],
    target_mask: Bool[Tensor, "T m"],
    *,
    weights: Weights = "relevance",
    norm: Norm = "count",
    eps: float = 0.0,
) -> tuple[Float[Tensor, "T n"], Float[Tensor, "T m"], Float[Tensor, "T n m"]]:
    """The transport problem of every target group with the reference group; arguments as in `plan_and_cost`.

    Returns:
        Weights of the reference samples, weights of the target samples, costs.

    Source: Kim & Song 2022, Eq. 2 and 8, and Table 4 (self-side weights, an ablation).
    """
    source, source_mask = reference.unsqueeze(0), reference_mask.unsqueeze(0)
    products = source @ targets.mT  # of features with features the only one: costs and weights follow from it
    source_norm, target_norm = (torch.linalg.vector_norm(side, dim=-1) for side in (source, targets))
    if weights == "self_side":
        a, b = source_norm.expand(len(targets), -1), target_norm
    else:
        a, b = relevance(products, source_mask, target_mask)
    a, b = normalise(a, source_mask, norm=norm, eps=eps), normalise(b, target_mask, norm=norm)
    return a, b, cosine(products, source_norm, target_norm)


def needs_log_domain(reg: float) -> bool:
    """Whether the kernel of cosine costs spans too many orders of magnitude for plain Sinkhorn."""
    return COSINE_MAX / reg > LARGEST_EXPONENT
