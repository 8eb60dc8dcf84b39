"""The parts of DMUE's loss, each a function of features, logits and class codes.

Source: She et al., Dive into Ambiguity: Latent Distribution Mining and Pairwise Uncertainty Estimation for
Facial Expression Recognition, CVPR 2021; docs/methods.md section E for what its public code does.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from elimctl.transport.precision import full_precision

SoftMean = Literal["entries", "samples"]
RANGE_EPS = 1e-12  # smallest range of similarities divided by


@full_precision
def latent_distribution(
    logits: Float[Tensor, "n K"], *, number: int, temperature: float
) -> Float[Tensor, "n C"]:
    """Distribution over the other classes of samples that are annotated with one class, C = K + 1.

    Args:
        logits: of the branch that never saw this class.
        number: the class.
        temperature: T; a probability is raised to 1 / T, so that T > 1 flattens.

    Returns:
        Rows that sum to 1, 0 at the class.

    Source: She et al. 2021, public code; E.2.
    """
    others = (logits / temperature).softmax(dim=1)  # which is p^(1/T), rescaled
    return torch.cat([others[:, :number], others.new_zeros(len(others), 1), others[:, number:]], dim=1)


@full_precision
def averaged_distribution(
    logits: Float[Tensor, "A n C"], classes: Int64[Tensor, " n"], *, temperature: float
) -> Float[Tensor, "n C"]:
    """Distribution over the other classes as A branches that know all classes see it on average.

    Args:
        logits: of each branch.
        classes: annotated classes.
        temperature: as in `latent_distribution`.

    Returns:
        Rows that sum to 1, 0 at the annotated class: what is left of the average without it, rescaled.

    Source: She et al. 2021, supplement section 3 (LD-A, an ablation).
    """
    log_average = logits.log_softmax(dim=2).logsumexp(dim=0)
    log_average = log_average.scatter(1, classes.unsqueeze(1), -torch.inf)
    return (log_average / temperature).softmax(dim=1)


@full_precision
def soft_loss(
    logits: Float[Tensor, "N C"],
    latent: Float[Tensor, "N C"],
    classes: Int64[Tensor, " N"],
    *,
    mean: SoftMean = "entries",
) -> Float[Tensor, ""]:
    """Squared distance of what is predicted beside the annotated class from the latent distribution.

    Args:
        logits: of the target branch.
        latent: 0 at the annotated class.
        classes: annotated classes.
        mean: over all N C entries, or over the N samples.

    Source: She et al. 2021, supplement and public code; E.3.
    """
    others = logits.softmax(dim=1).scatter(1, classes.unsqueeze(1), 0.0)
    squared = (others - latent).square()
    return squared.mean() if mean == "entries" else squared.sum(dim=1).mean()


@full_precision
def similarities(features: Float[Tensor, "N d"]) -> Float[Tensor, "N N"]:
    """Inner products of all pairs of samples, each row divided by its L2 norm.

    Source: She et al. 2021, supplement Eq. 2 and 3.
    """
    return functional.normalize(features @ features.mT, dim=1)


@full_precision
def similarity_gap(
    target: Float[Tensor, "N d"], auxiliary: Float[Tensor, "N e"], counted: Int64[Tensor, " n"] | None = None
) -> Float[Tensor, ""]:
    """Mean squared difference between the similarities in two branches.

    Args:
        target: features of samples in the target branch.
        auxiliary: features of the same samples in an auxiliary branch.
        counted: samples whose pairs are compared, while rows are normalised over all; None: all.

    Source: She et al. 2021, supplement Eq. 1 (samples of no other class given) and Eq. 4 to 5 (`counted`).
    """
    gap = similarities(target) - similarities(auxiliary)
    if counted is not None:
        gap = gap[counted][:, counted]
    return gap.square().mean()


@full_precision
def uncertainty_input(
    features: Float[Tensor, "N d"], classes: Int64[Tensor, " N"], *, count: int, exclude_self: bool = False
) -> Float[Tensor, "N V"]:
    """How similar each sample is to those of every class, and which class it is annotated with; V = 2 C.

    Args:
        features: of the target branch.
        classes: annotated classes.
        count: C.
        exclude_self: leave a sample out of its own class's mean.

    Returns:
        Mean cosine similarities, scaled to [0, 1] within a row, and the one-hot label.

    Source: She et al. 2021, supplement section 4; the scaling is the public code's.
    """
    label = functional.one_hot(classes, count).to(features.dtype)
    mean = mean_similarities(features, classes, count=count, exclude_self=exclude_self)
    lowest, highest = mean.aminmax(dim=1, keepdim=True)
    return torch.cat([(mean - lowest) / (highest - lowest).clamp_min(RANGE_EPS), label], dim=1)


@full_precision
def mean_similarities(
    features: Float[Tensor, "N d"], classes: Int64[Tensor, " N"], *, count: int, exclude_self: bool = False
) -> Float[Tensor, "N C"]:
    """Mean cosine similarity of each sample to the samples of every class, 0 where there are none.

    Args:
        features: of the target branch.
        classes: annotated classes.
        count: C.
        exclude_self: leave a sample out of its own class's mean.

    Source: She et al. 2021, supplement section 4 and public code; E.3.
    """
    label = functional.one_hot(classes, count).to(features.dtype)
    unit = functional.normalize(features, dim=1)
    total, number = unit @ (unit.mT @ label), label.sum(dim=0).expand_as(label)
    if exclude_self:
        total, number = total - unit.square().sum(dim=1, keepdim=True) * label, number - label
    return total / number.clamp_min(1)


@full_precision
def weighted_cross_entropy(
    logits: Float[Tensor, "N C"], confidence: Float[Tensor, " N"], classes: Int64[Tensor, " N"]
) -> Float[Tensor, ""]:
    """Cross-entropy of logits that are multiplied by how certain their samples are.

    Source: She et al. 2021, supplement section 4 and public code; E.3.
    """
    return functional.cross_entropy(confidence.unsqueeze(1) * logits, classes)


def ramp_up(epoch: int, *, beta: int, scale: float) -> float:
    """Weight of the target branch's losses: rises to 1 at epoch `beta`.

    Args:
        epoch: from 0.
        beta: the epoch after which the target branch is what counts.
        scale: exponent's factor, 5 in the public code.

    Source: She et al. 2021, public code.
    """
    return math.exp(-scale * (1 - epoch / beta) ** 2) if epoch <= beta else 1.0


def ramp_down(epoch: int, *, beta: int) -> float:
    """Weight of the auxiliary branches' loss: 1 before epoch `beta`, then falls.

    Args:
        epoch: from 0.
        beta: as in `ramp_up`.

    Source: She et al. 2021, public code.
    """
    return 1.0 if epoch < beta else math.exp(-((1 - beta / epoch) ** 2))
