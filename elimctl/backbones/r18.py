"""ResNet18, its 1000-way output layer used as a feature."""

from torch import nn

from elimctl.backbones import pretrained
from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig, known_neck
from elimctl.backbones.resnet_split import split_last_stage

# Kim & Song 2022, Table 1 prints 11.7M: this trunk alone
PAPER_COUNTS = ("trunk",)

NECKS = ("fc", "split")  # the default first

# torchvision's weights: the ones the released code starts from
TIMM_NAME = "resnet18.tv_in1k"
WIDTH = 512  # channels of the last stage


def build(config: BackboneConfig) -> Backbone:
    """Build ResNet18; images of any size, features z non-negative.

    The released neck keeps its dropout on at evaluation, by a slip; here it is off, as dropout should be.
    Weights that are not pretrained are timm's and torch's default initialisation.

    Args:
        config: with `neck = "split"` the network ends in the mean over its last map, and its last stage is
            the neck.

    Raises:
        ConfigError: a neck that it does not have, or a width that a split network does not have.
        DownloadError: pretrained weights that are neither cached nor within reach.
    """
    known_neck(config, *NECKS)
    if config.neck == "split":
        network = pretrained.timm_model(TIMM_NAME, num_classes=0, pretrained=config.pretrained)
        return split_last_stage(config, network, width=WIDTH)
    trunk = pretrained.timm_model(TIMM_NAME, num_classes=1000, pretrained=config.pretrained)
    neck = nn.Sequential(
        nn.Dropout(config.dropout),
        nn.Linear(1000, 512),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(512, 256),
        nn.BatchNorm1d(256),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(256, config.d),
        nn.BatchNorm1d(config.d),
        nn.ReLU(),
    )
    return Backbone(trunk, neck)
