"""ResNet50-IBN-a: ResNet50 that normalises half of some maps image by image."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from elimctl.backbones import pretrained
from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig, known_neck
from elimctl.backbones.resnet_split import split_last_stage

NECKS = ("fc", "split")  # the default first
TIMM_NAME = "resnet50"
WIDTH = 2048  # channels of the last stage
STAGES = ("layer1", "layer2", "layer3")  # those with instance normalisation


class InstanceBatchNorm(nn.Module):
    """Instance normalisation of the first half of the channels, batch normalisation of the others.

    Args:
        channels: of the maps.

    Source: Pan et al. 2018 (IBN-a).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.instance = nn.InstanceNorm2d(channels // 2, affine=True)
        self.batch = nn.BatchNorm2d(channels - channels // 2)

    def forward(self, maps: Float[Tensor, "B n h w"]) -> Float[Tensor, "B n h w"]:
        """Normalise maps."""
        first, second = maps.tensor_split([self.instance.num_features], dim=1)
        return torch.cat([self.instance(first), self.batch(second)], dim=1)


def build(config: BackboneConfig) -> Backbone:
    """Build ResNet50-IBN-a; images of any size, features z non-negative.

    It stands after the first convolution of each block of the first three stages. The neck is dropout, one
    linear layer, BatchNorm, ReLU. Weights are timm's and torch's default initialisation.

    Args:
        config: with `neck = "split"` the network's last stage is the neck.

    Raises:
        ConfigError: a neck that it does not have, a width that a split network does not have, or pretrained
            weights, which neither timm nor torchvision has.

    Source: Pan et al. 2018, Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net.
    """
    known_neck(config, *NECKS)
    pretrained.refuse(config.name, pretrained=config.pretrained)
    network = pretrained.timm_model(TIMM_NAME, num_classes=0, pretrained=False)
    for stage in STAGES:
        for block in network.get_submodule(stage).children():
            channels = cast(nn.BatchNorm2d, block.bn1).num_features
            block.bn1 = InstanceBatchNorm(channels)
    return split_last_stage(config, network, width=WIDTH)
