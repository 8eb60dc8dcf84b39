"""Valence and arousal of the frames of a clip from their features: what time adds to single images.

Kim & Song 2022 name time as what static methods miss; the networks here are the usual small ones.
"""

from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from elimctl.config import Config
from elimctl.transport.precision import full_precision

Count = Annotated[int, Field(ge=1)]


class TemporalConfig(Config):
    """Choice of a temporal head; at d = 64, the GRU has 50,050 parameters and the convolution 28,994."""

    kind: Literal["gru", "conv"] = "gru"
    hidden: Annotated[int, Field(ge=2, multiple_of=2)] = 64  # units, of both directions together
    layers: Count = 2  # the convolutions see 2^(layers + 1) - 2 frames beside their own
    causal: bool = True  # whether a prediction waits for no later frame
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0  # probability, before the output


class TemporalHead(nn.Module):
    """Features of consecutive frames to valence and arousal of each.

    Args:
        d: width of the features.
        config: kind and size.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, d: int, config: TemporalConfig) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(d))
        self.register_buffer("spread", torch.ones(()))
        self.body = _Gru(d, config) if config.kind == "gru" else _Convolutions(d, config)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.hidden, 2)

    @full_precision
    def forward(self, features: Float[Tensor, "B T d"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T 2"]:
        """Predictions, not clamped.

        Args:
            features: frames in their order; finite at padding.
            mask: True at real frames, which come before the padding; at least one in each row.

        Returns:
            (valence, arousal), of no meaning at padding; elsewhere padding has no say in them.
        """
        scaled = (features - self.centre) / self.spread
        preds: Tensor = self.output(self.dropout(self.body(scaled, mask)))
        return preds

    def standardise(self, features: Float[Tensor, "n d"]) -> None:
        """From now on see features from the mean of these, and in units of their spread.

        There is one spread for all entries: one that hardly varies here would be blown up by its own.
        """
        centre = features.mean(dim=0)
        spread = (features - centre).square().mean().sqrt()
        self.centre.copy_(centre)
        self.spread.copy_(torch.where(spread > 0, spread, 1))


class HeadOfFrames(TemporalHead):
    """The same network, shown each frame as a clip of its own: a temporal head beats it by time alone."""

    def forward(self, features: Float[Tensor, "B T d"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T 2"]:
        """Predictions, not clamped, each of its own frame; `TemporalHead` explains the rest."""
        singles = features.reshape(-1, 1, features.shape[2])
        preds: Tensor = super().forward(singles, torch.ones_like(mask).reshape(-1, 1))
        return preds.reshape(*mask.shape, 2)


class _Gru(nn.Module):
    """A recurrent network, in both directions where later frames may be looked at (Cho et al. 2014)."""

    def __init__(self, d: int, config: TemporalConfig) -> None:
        super().__init__()
        width = config.hidden if config.causal else config.hidden // 2
        self.gru = nn.GRU(d, width, config.layers, batch_first=True, bidirectional=not config.causal)

    def forward(self, features: Float[Tensor, "B T d"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T h"]:
        # packed, lest the backward direction begins with padding
        packed = pack_padded_sequence(features, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        found, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=mask.shape[1])
        return found


class _Convolutions(nn.Module):
    """Residual convolutions over three frames, ever further apart (Bai et al. 2018)."""

    def __init__(self, d: int, config: TemporalConfig) -> None:
        super().__init__()
        self.causal = config.causal
        self.input = nn.Linear(d, config.hidden)
        self.layers = nn.ModuleList(
            nn.Conv1d(config.hidden, config.hidden, 3, dilation=2**depth) for depth in range(config.layers)
        )

    def forward(self, features: Float[Tensor, "B T d"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T h"]:
        hidden = self.input(features).mT
        for depth, layer in enumerate(self.layers):
            reach = 2**depth
            sides = (2 * reach, 0) if self.causal else (reach, reach)
            # zeros, as beyond the ends of the clip
            seen = torch.where(mask.unsqueeze(1), hidden, 0)
            hidden = hidden + layer(pad(seen, sides)).relu()
        return hidden.mT
