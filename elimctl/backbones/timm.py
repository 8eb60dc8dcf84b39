"""Any image model of timm, as `timm/<name>`."""

from difflib import get_close_matches
from typing import Any

import timm
import torch

from elimctl.backbones import pretrained
from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig, one_neck
from elimctl.backbones.split import linear_neck
from elimctl.errors import ConfigError

TAKES_VARIANT = True  # what follows the slash
VARIANTS: tuple[dict[str, Any], ...] = ()  # of a thousand models, none is listed


def build(config: BackboneConfig) -> Backbone:
    """Build a timm model without its classifier, and a neck; features z are non-negative.

    The neck is the last stage of al's and r18's: dropout, one linear layer, BatchNorm, ReLU. Weights that
    are not pretrained are timm's and torch's default initialisation.

    Args:
        config: `name` is `timm/` and a name of timm's, with or without the tag of its weights
            (`timm/resnet50`, `timm/resnet50.a1_in1k`).

    Raises:
        ConfigError: timm has no such model or tag, the model does not take images of `image_px`, or
            a neck other than the one there is.
        DownloadError: pretrained weights that are neither cached nor within reach.
    """
    one_neck(config)
    name = config.name.partition("/")[2]
    _check_name(name)
    width = _trunk_width(name, image_px=config.image_px)
    trunk = pretrained.timm_model(name, num_classes=0, pretrained=config.pretrained)
    return Backbone(trunk, linear_neck(width, config))


def _check_name(name: str) -> None:
    """Raise a ConfigError that names near matches if timm does not know `name`."""
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = get_close_matches(architecture, timm.list_models(), n=3)
        raise ConfigError(
            f"timm has no model {architecture!r}" + (f"; near: {', '.join(near)}" if near else ""),
            hint=f"write timm/{near[0]}" if near else "choose one of those that timm.list_models() gives",
        )
    tagged = timm.list_models(f"{architecture}.*", pretrained=True)
    if tag and name not in tagged:
        raise ConfigError(
            f"timm has no weights {tag!r} for {architecture}; there are: {', '.join(tagged) or 'none'}",
            hint=f"write timm/{tagged[0] if tagged else architecture}",
        )


def _trunk_width(name: str, *, image_px: int) -> int:
    """Length of the trunk's vectors, found by passing shapes through it: no arithmetic, no weights.

    timm's `num_features` is the width before the pooled head and differs from this for some models.
    """
    with torch.device("meta"):
        trunk = timm.create_model(name, num_classes=0).eval()
        try:
            features = trunk(torch.empty(1, 3, image_px, image_px))
        except (AssertionError, RuntimeError) as error:
            native = trunk.pretrained_cfg["input_size"][-1]
            raise ConfigError(
                f"model.image_px = {image_px}, which {name} does not take: {str(error).rstrip('.')}",
                hint=f"set model.image_px = {native}, the size {name} was made for",
            ) from error
    if features.ndim != 2:
        raise ConfigError(
            f"timm/{name} gives features of shape {tuple(features.shape)}, not one vector per image",
            hint="choose a model for image classification",
        )
    return int(features.shape[1])
