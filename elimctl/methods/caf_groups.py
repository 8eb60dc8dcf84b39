"""Which samples of a batch show a strong emotion, and which a weak one."""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

Threshold = Literal["quantile", "fixed", "reference"]


def strong_and_weak(
    target: Float[Tensor, "B 2"],
    *,
    threshold: Threshold,
    quantile: float,
    bounds: tuple[float, float],
    offset: float,
    generator: torch.Generator,
) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"]]:
    """Positions in the batch of as many strong as weak samples.

    Intensity is r^2, valence squared plus arousal squared.

    Args:
        target: labels, on the CPU: how many are found decides shapes.
        threshold: `quantile`: strong from a quantile of the batch on, weak below it; `fixed`: by two bounds;
            `reference`: by what the reference code computes, which is nearly a random number, or the bounds
            where that leaves a group empty.
        quantile: in [0, 1].
        bounds: strong above the first, weak below the second.
        offset: added to the threshold of `reference`.
        generator: decides which samples of the larger group are kept; `reference` keeps the first ones.

    Returns:
        Two groups of the same even size, 0 where one of them was empty.

    Source: the code of Kim & Song 2021; decision D.2 (the quantile is ours).
    """
    intensity = target.square().sum(dim=1)
    strong, weak = intensity > bounds[0], intensity < bounds[1]
    order = torch.arange(len(target))
    if threshold == "reference":
        level = _reference_level(target) + offset
        if (intensity > level).any() and (intensity < level).any():
            strong, weak = intensity > level, intensity < level
    else:
        order = torch.randperm(len(target), generator=generator)
    if threshold == "quantile":
        # of a value of the batch, not between two, nothing is rounded
        strong = intensity >= torch.quantile(intensity, quantile, interpolation="higher")
        weak = ~strong
    return _cut(strong, weak, order)


def _cut(
    strong: Bool[Tensor, " B"], weak: Bool[Tensor, " B"], order: Int64[Tensor, " B"]
) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"]]:
    """The first ones of both groups in an order, equally many, and evenly many to be paired."""
    first, second = order[strong[order]], order[weak[order]]
    size = min(len(first), len(second)) // 2 * 2
    return first[:size], second[:size]


def _reference_level(target: Float[Tensor, "B 2"]) -> Float[Tensor, ""]:
    """The threshold of the reference code: NaN or infinite where the labels of an axis sum up to 0.

    Per axis it is the share in the sum of all labels of those up to the place midway between the smallest
    and the largest one, in the order of the batch.
    """
    shares = []
    for labels in target.T:
        middle = int(labels.argmin() + labels.argmax()) // 2
        shares.append(labels[: middle + 1].sum() / labels.sum())
    return torch.stack(shares).norm()
