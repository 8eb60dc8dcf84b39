"""ResNet18, its 1000-way output layer used as a feature."""

from torch import nn

from elimctl.backbones import pretrained
from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig, one_neck

# Kim & Song 2022, Table 1 prints 11.7M: this trunk alone
PAPER_COUNTS = ("trunk",)

# torchvision's weights: the ones the released code starts from
TIMM_NAME = "resnet18.tv_in1k"


def build(config: BackboneConfig) -> Backbone:
    """Build ResNet18; images of any size, features z non-negative.

    The released neck keeps its dropout on at evaluation, by a slip; here it is off, as dropout should be.
    Weights that are not pretrained are timm's and torch's default initialisation.

    Raises:
        ConfigError: a neck other than the one there is.
        DownloadError: pretrained weights that are neither cached nor within reach.
    """
    one_neck(config)
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
