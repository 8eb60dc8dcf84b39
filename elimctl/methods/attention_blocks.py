"""Networks that read identity shifts from features by attention, where ELIM computes them by transport.

Source: Kim & Song 2022, appendix section 4.3 and appendix Table 1.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class CrossAttention(nn.Module):
    """Self-attention within each identity, then attention of the targets' samples to the reference's.

    Each is followed by the residual and a LayerNorm. At d = 64 it has 33,601 parameters.

    Args:
        d: width of the features, a multiple of `heads`.
        heads: heads of both attentions; scores are divided by sqrt(d / heads).

    Source: Kim & Song 2022, appendix section 4.3 ("less than 100K"); decision C.1.
    """

    def __init__(self, d: int, *, heads: int) -> None:
        super().__init__()
        self.within = nn.MultiheadAttention(d, heads, batch_first=True)
        self.within_norm = nn.LayerNorm(d)
        self.across = nn.MultiheadAttention(d, heads, batch_first=True)
        self.across_norm = nn.LayerNorm(d)
        self.output = nn.Linear(d, 1)

    def forward(self, features: Float[Tensor, "N k d"], mask: Bool[Tensor, "N k"]) -> Float[Tensor, "T k"]:
        """Shifts of the target samples.

        Args:
            features: features of N identities, the reference first; finite at padding.
            mask: True at real samples, at least one per identity.

        Returns:
            mu; 0 at padding.
        """
        own = self.within_norm(features + attend(self.within, features, features, mask))
        reference, targets = own[:1], own[1:]
        # queries do not see each other, so those of all targets can go to the one reference as one sequence
        queries = targets.flatten(0, 1).unsqueeze(0)
        matched = attend(self.across, queries, reference, mask[:1]).view_as(targets)
        shift = self.output(self.across_norm(targets + matched)).squeeze(2)
        return torch.where(mask[1:], shift, 0)


class ReferenceAttention(nn.Module):
    """The block of the reference code, quirks included; 33,473 parameters at d = 64.

    One LayerNorm serves everywhere, the residual comes after it, attention is divided by sqrt(d) after its
    softmax, and the reference attends to itself: its i-th sample mixes the values of the target, which stand
    for those of the reference at the same place. So sizes should be equal; where they are not, values count
    where both identities have a sample.

    Args:
        d: width of the features, a multiple of `heads`.
        heads: heads of both attentions.

    Source: the code of Kim & Song 2022, first release; decision C.1.
    """

    def __init__(self, d: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(d)
        self.within, self.within_output = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.across, self.across_output = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.output = nn.Linear(d, 1)

    def forward(self, features: Float[Tensor, "N k d"], mask: Bool[Tensor, "N k"]) -> Float[Tensor, "T k"]:
        """Shifts of the target samples, as `CrossAttention.forward` describes them."""
        mixed = self._mix(*self._split(self.within(features)), mask)
        own = self.norm(self.within_output(mixed)) + features
        queries, keys, values = self._split(self.across(own))
        mixed = self._mix(queries[:1], keys[:1], values[1:], mask[:1] & mask[1:])
        shift = self.output(self.norm(self.across_output(mixed)) + own[1:]).squeeze(2)
        return torch.where(mask[1:], shift, 0)

    def _split(self, projected: Float[Tensor, "N k e"]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (N, heads, k, d / heads)."""
        split = projected.view(*projected.shape[:2], 3, self.heads, -1)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        return queries, keys, values

    def _mix(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Bool[Tensor, "N k"]) -> Tensor:
        """Values mixed as queries and keys ask, the heads side by side again."""
        scores = (queries @ keys.mT).masked_fill(~mask[:, None, None], -torch.inf)
        late = math.sqrt(values.shape[1] * values.shape[3])
        return (scores.softmax(dim=3) / late @ values).transpose(1, 2).flatten(2)


def attend(
    attention: nn.MultiheadAttention,
    queries: Float[Tensor, "N q d"],
    others: Float[Tensor, "N k d"],
    mask: Bool[Tensor, "N k"],
) -> Float[Tensor, "N q d"]:
    """What samples find when they look at others.

    Args:
        attention: scores, softmax over the others, and output projection.
        queries: samples that look.
        others: samples that are looked at; keys and values come from them.
        mask: True at real ones among the others, at least one per row.
    """
    found: Tensor = attention(queries, others, others, key_padding_mask=~mask, need_weights=False)[0]
    return found
