"""The critic of CAF: embeddings in which strong emotions lie together, away from weak ones.

Source: Kim & Song, Contrastive Adversarial Learning for Person Independent Facial Emotion Recognition,
AAAI 2021, as its published code computes it; section D of docs/methods.md.
"""

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from elimctl.transport.precision import full_precision


def build(width: int) -> nn.Sequential:
    """A network from features to embeddings of 16 numbers.

    Args:
        width: of the features.

    Source: decision D.1.
    """
    return nn.Sequential(
        nn.Linear(width, 64), nn.Linear(64, 32), nn.Dropout(0.2), nn.ReLU(), nn.Linear(32, 16)
    )


@full_precision
def critic_loss(
    strong: Float[Tensor, "n c"],
    weak: Float[Tensor, "n c"],
    multiplier: Float[Tensor, ""],
    *,
    variance: float,
    largest_information: float,
    confidence: float,
    rho: float,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """What the critic minimises, and the constraint in it, which is to become 0.

    Sample i is paired with the strong and with the weak sample n - 1 - i.

    Args:
        strong: embeddings of strong samples, n even and at least 2.
        weak: embeddings of weak samples.
        multiplier: of the constraint, Lambda.
        variance: as `mutual_information` takes it.
        largest_information: at which that is cut.
        confidence: as `adaptive_k` takes it.
        rho: weight of the squared constraint.

    Source: decision D.2, step 3; Mroueh & Sercu 2017 (Fisher GAN), Eq. 9.
    """
    information = mutual_information(strong, weak.flip(0), variance=variance).clamp(0, largest_information)
    near = (strong - strong.flip(0)).square().sum(dim=1)
    far = (strong - weak.flip(0)).square().sum(dim=1)
    lacking = (information + margins(strong, weak, confidence=confidence) - far).relu()
    constraint = 1 - (near.square().mean() + lacking.square().mean()) / 2
    loss = near.mean() + lacking.mean() + multiplier * constraint - rho / 2 * constraint.square()
    return loss, constraint


def mutual_information(
    x: Float[Tensor, "n c"], y: Float[Tensor, "n c"], *, variance: float
) -> Float[Tensor, " n"]:
    """How much likelier y is around x than around -1 or 1: a logarithm, mean over the components.

    Args:
        x: embeddings.
        y: embeddings.
        variance: of the normal distributions.

    Source: decision D.2, step 3.
    """

    def log_density(centre: Tensor | float) -> Tensor:
        return -(y - centre).square() / (2 * variance)

    either = torch.logaddexp(log_density(-1.0), log_density(1.0)) - math.log(2)
    return (log_density(x) - either).mean(dim=1)


@torch.no_grad()
def margins(
    strong: Float[Tensor, "n c"], weak: Float[Tensor, "n c"], *, confidence: float
) -> Float[Tensor, " n"]:
    """Margin of each strong sample: wide where few neighbours settle what it is.

    Source: decision D.2, step 3.
    """
    is_strong = torch.arange(2 * len(strong), device=strong.device) < len(strong)
    k = adaptive_k(torch.cat([strong, weak]), is_strong, confidence=confidence)[: len(strong)]
    return confidence / (k - 1).to(strong.dtype).sqrt()


def adaptive_k(
    points: Float[Tensor, "m c"], labels: Bool[Tensor, " m"], *, confidence: float
) -> Int64[Tensor, " m"]:
    """Size of the smallest neighbourhood of each point whose majority is clear.

    Args:
        points: embeddings.
        labels: one of two classes.
        confidence: A; of q neighbours a share above 1/2 + A / sqrt(q) must agree, so that above 1/2 no
            single one is enough.

    Returns:
        Numbers of nearest other points, from 2 on; m where no neighbourhood will do.

    Source: Balsubramani et al. 2019; decision D.2, step 3.
    """
    others = len(points) - 1
    # products of matrices would round small distances to 0
    distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    distances.fill_diagonal_(torch.inf)
    neighbours = distances.argsort(dim=1, stable=True)[:, :others]
    q = torch.arange(1, others + 1, device=points.device, dtype=points.dtype)
    share = labels[neighbours].cumsum(dim=1) / q
    clear = torch.maximum(share, 1 - share) > 0.5 + confidence / q.sqrt()
    smallest = clear.to(torch.uint8).argmax(dim=1) + 1
    return torch.where(clear.any(dim=1), smallest, len(points))
