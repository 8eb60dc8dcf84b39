"""From the groups of a batch to the identity shift of each of their samples."""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from elimctl.loader.groups import PADDING
from elimctl.transport.cost import COSINE_MAX, cosine
from elimctl.transport.gumbel import gumbel_top_k
from elimctl.transport.precision import full_precision
from elimctl.transport.sinkhorn import SolverOptions, sinkhorn, sinkhorn_log
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


@full_precision
def problems(
    references: Float[Tensor, "R n d"],
    targets: Float[Tensor, "T m d"],
    reference_mask: Bool[Tensor, "R n"],
    target_mask: Bool[Tensor, "T m"],
    *,
    weights: Weights = "relevance",
    norm: Norm = "count",
    eps: float = 0.0,
) -> tuple[Float[Tensor, "P n"], Float[Tensor, "P m"], Float[Tensor, "P n m"]]:
    """The transport problems from every reference to every target, P = R T of them.

    Args:
        references: features of R identities, zeros at padding.
        targets: features of T identities, zeros at padding.
        reference_mask: True at real samples.
        target_mask: True at real samples.
        weights: which raw weights samples get.
        norm: how weights are scaled.
        eps: added where the reference code adds it.

    Returns:
        Weights of the reference samples, weights of the target samples, and costs, those of the first
        reference and all targets first.

    Source: Kim & Song 2022, Eq. 2 and 8, and Table 4 (self-side weights, an ablation).
    """
    pairs, n = (len(references), len(targets)), references.shape[1]
    products = references.flatten(0, 1).unsqueeze(0) @ targets.mT  # of features: costs and weights follow
    products = products.view(pairs[1], pairs[0], n, -1).transpose(0, 1).flatten(0, 1)
    source_mask, target_mask = _of_pairs(reference_mask, target_mask, pairs=pairs)
    source_norm, target_norm = _of_pairs(
        *(torch.linalg.vector_norm(side, dim=-1) for side in (references, targets)), pairs=pairs
    )
    if weights == "self_side":
        a, b = source_norm, target_norm
    else:
        a, b = relevance(products, source_mask, target_mask)
    a, b = normalise(a, source_mask, norm=norm, eps=eps), normalise(b, target_mask, norm=norm)
    return a, b, cosine(products, source_norm, target_norm)


def _of_pairs(
    reference: Shaped[Tensor, "R n"], target: Shaped[Tensor, "T m"], *, pairs: tuple[int, int]
) -> tuple[Shaped[Tensor, "P n"], Shaped[Tensor, "P m"]]:
    """What belongs to references and to targets, repeated for each of their pairs."""
    return (
        reference.unsqueeze(1).expand(*pairs, -1).flatten(0, 1),
        target.expand(*pairs, -1).flatten(0, 1),
    )


def entropic(
    a: Float[Tensor, "P n"],
    b: Float[Tensor, "P m"],
    M: Float[Tensor, "P n m"],
    mask: Bool[Tensor, "P n"],
    *,
    reg: float,
    n_iter: int,
    options: SolverOptions = SolverOptions(),
) -> Float[Tensor, "P n m"]:
    """Solve problems with cosine costs by Sinkhorn, on logarithms if `reg` is small.

    Args:
        a: weights of the reference samples.
        b: weights of the target samples.
        M: cosine costs.
        mask: True at real reference samples.
        reg: entropic regularisation, in units of the cosine cost.
        n_iter: iterations.
        options: tolerance and the like.
    """
    chosen = needs_log_domain(reg) if options.log_domain is None else options.log_domain
    solver = sinkhorn_log if chosen else sinkhorn
    return solver(a, b, M, reg=reg, n_iter=n_iter, mask=mask, options=options)


def needs_log_domain(reg: float) -> bool:
    """Whether the kernel of cosine costs spans too many orders of magnitude for plain Sinkhorn."""
    return COSINE_MAX / reg > LARGEST_EXPONENT
