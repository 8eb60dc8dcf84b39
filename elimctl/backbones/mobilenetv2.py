"""MobileNetV2."""

from torch import nn

from elimctl.backbones import pretrained
from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig, known_neck
from elimctl.backbones.split import Split, assemble

NECKS = ("fc", "split")  # the default first
TIMM_NAME = "mobilenetv2_100.ra_in1k"
WIDTH = 1280  # channels after the last convolution
SHARED_STAGES = 5  # of seven; the others have 160 and 320 channels


def build(config: BackboneConfig) -> Backbone:
    """Build MobileNetV2 of width 1.0; images of any size, features z non-negative.

    The neck is dropout, one linear layer, BatchNorm, ReLU. Weights that are not pretrained are timm's and
    torch's default initialisation.

    Args:
        config: with `neck = "split"` the last two stages and the convolution after them are the neck.

    Raises:
        ConfigError: a neck that it does not have, or a width that a split network does not have.
        DownloadError: pretrained weights that are neither cached nor within reach.

    Source: Sandler et al. 2018; She et al. 2021, supplement (where it is split).
    """
    known_neck(config, *NECKS)
    network = pretrained.timm_model(TIMM_NAME, num_classes=0, pretrained=config.pretrained)
    stages = list(network.get_submodule("blocks").children())
    parts = dict(network.named_children())
    trunk = nn.Sequential(parts["conv_stem"], parts["bn1"], *stages[:SHARED_STAGES])
    last = nn.Sequential(*stages[SHARED_STAGES:], parts["conv_head"], parts["bn2"])
    return assemble(config, trunk, Split(last, WIDTH, pretrained=config.pretrained))
