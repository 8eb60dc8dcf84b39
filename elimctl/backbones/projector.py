"""From features to valence and arousal: one small network for every backbone."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

WIDENING = 20  # hidden units per feature: 1280 at d = 64


class Projector(nn.Module):
    """Two linear maps with an optional BatchNorm and a ReLU between them; the output is not squashed.

    At d = 64 it has 88,322 parameters with BatchNorm and 85,762 without.

    Args:
        d: width of the features.
        bn: whether the hidden layer is batch-normalised.

    Source: Kim & Song 2022, Eq. 5 and appendix ("about 88K"); decision A.10 row 13.
    """

    def __init__(self, d: int, *, bn: bool) -> None:
        super().__init__()
        self.hidden = nn.Linear(d, WIDENING * d)
        self.norm = nn.BatchNorm1d(WIDENING * d) if bn else None
        self.output = nn.Linear(WIDENING * d, 2)

    def forward(self, features: Float[Tensor, "B d"]) -> Float[Tensor, "B 2"]:
        """Predictions of raw features, the kind that inference sees; training updates the statistics."""
        hidden = self.hidden(features)
        if self.norm is not None:
            hidden = self.norm(hidden)
        return self.output(hidden.relu())

    def groups(
        self, features: Float[Tensor, "G n d"], mask: Bool[Tensor, "G n"], *, per_group: bool
    ) -> Float[Tensor, "G n 2"]:
        """Predictions of grouped, shift-free features, a kind that only training sees.

        In training a BatchNorm uses the statistics of these features and leaves the running ones, which
        inference reads, to the raw features.

        Args:
            features: features of G groups; finite at padding.
            mask: True at real samples; padding enters no statistic.
            per_group: take the statistics of each group instead of those of all groups together.

        Source: decision A.10 rows 13 (b) and 14.
        """
        hidden = self.hidden(features)
        if self.norm is not None and self.training:
            hidden = _standardise(hidden, mask, self.norm, axes=(1,) if per_group else (0, 1))
        elif self.norm is not None:
            hidden = self.norm(hidden.flatten(0, 1)).unflatten(0, hidden.shape[:2])
        return self.output(hidden.relu())


def _standardise(
    hidden: Float[Tensor, "G n h"], mask: Bool[Tensor, "G n"], norm: nn.BatchNorm1d, *, axes: tuple[int, ...]
) -> Float[Tensor, "G n h"]:
    """What `norm` does in training, over the real samples, without touching its running statistics."""
    real = mask.unsqueeze(2).to(hidden.dtype)
    count = real.sum(dim=axes, keepdim=True)
    centred = hidden - (hidden * real).sum(dim=axes, keepdim=True) / count
    variance = (centred.square() * real).sum(dim=axes, keepdim=True) / count
    return centred * torch.rsqrt(variance + norm.eps) * norm.weight + norm.bias
