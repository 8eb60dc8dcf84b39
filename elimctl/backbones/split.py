"""A network in two parts: what all branches of a method share, and what each has a copy of."""

from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig
from elimctl.errors import ConfigError


class Split(nn.Module):
    """The last part of a network, and the mean over its map.

    Args:
        part: maps (B,n,h,w) to maps (B,width,h,w).
        width: channels that it ends in.
        pretrained: whether its weights are.

    Source: She et al. 2021, supplement; E.1 of docs/methods.md.
    """

    def __init__(self, part: nn.Module, width: int, *, pretrained: bool = False) -> None:
        super().__init__()
        self.part = part
        self.width = width
        self.pretrained = pretrained

    def forward(self, maps: Float[Tensor, "B n h w"]) -> Float[Tensor, "B width"]:
        """Features of the maps that the first part gave."""
        found: Tensor = self.part(maps)
        return found.mean(dim=(2, 3))


def assemble(config: BackboneConfig, trunk: nn.Module, split: Split) -> Backbone:
    """A backbone of both parts of a network, split or with a neck of width d behind them.

    Args:
        config: `neck` is "split" or "fc".
        trunk: images to maps.
        split: these maps to features.

    Raises:
        ConfigError: a width was asked for that a split network does not have.
    """
    if config.neck != "split":
        return Backbone(nn.Sequential(trunk, split), linear_neck(split.width, config))
    require_width(config, split.width)
    return Backbone(trunk, split)


def require_width(config: BackboneConfig, width: int) -> None:
    """Refuse a width of the features that a split network does not have.

    Raises:
        ConfigError: `d` is neither the default nor `width`.
    """
    if config.d not in (width, BackboneConfig.model_fields["d"].default):
        raise ConfigError(
            f"model.d = {config.d} with model.neck = 'split', where {config.name} has width {width}",
            hint="remove model.d",
        )


def linear_neck(width: int, config: BackboneConfig) -> nn.Sequential:
    """A neck as the last stage of al's and r18's: dropout, one linear layer, BatchNorm, ReLU."""
    return nn.Sequential(
        nn.Dropout(config.dropout), nn.Linear(width, config.d), nn.BatchNorm1d(config.d), nn.ReLU()
    )


def another(neck: nn.Module) -> nn.Module:
    """A copy of a neck for another branch: with the same weights where these are pretrained, else fresh ones.

    Fresh weights are those of the neck in another order: entries of a tensor are drawn independently of each
    other, so this is a draw from whatever distribution the first ones had, and constants stay what they are.
    """
    made = deepcopy(neck)
    if not getattr(neck, "pretrained", False):
        with torch.no_grad():
            for weights in made.parameters():
                order = torch.randperm(weights.numel(), device=weights.device)
                weights.copy_(weights.flatten().index_select(0, order).view_as(weights))
    return made
