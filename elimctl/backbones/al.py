"""AL-tuned: the convolutions of AlexNet and a neck trained with them."""

from torch import nn

from elimctl.backbones import pretrained
from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig, known_neck
from elimctl.errors import ConfigError

# Kim & Song 2022, Table 1 prints 2.6M: this trunk and the projector, no neck
PAPER_COUNTS = ("trunk", "projector")
NECKS = ("fc", "gap")  # the default first
VARIANTS = tuple({"neck": neck} for neck in NECKS)  # both are listed

CHANNELS = 256
SMALLEST_PX = 63  # below it the last pooling layer has nothing left to pool


def build(config: BackboneConfig) -> Backbone:
    """Build AL-tuned.

    The trunk's maps are pooled to 6x6 for the neck "fc" (what 224 px images have already) and to their
    mean for "gap". Weights that are not pretrained are torchvision's and torch's default initialisation.

    Args:
        config: `neck` chooses between "fc" (z is non-negative) and "gap" (z of either sign).

    Raises:
        ConfigError: images too small for the network, or a neck that it does not have.
        DownloadError: pretrained weights that are neither cached nor within reach.
    """
    known_neck(config, *NECKS)
    if config.image_px < SMALLEST_PX:
        raise ConfigError(
            f"model.image_px = {config.image_px}, but al needs images of {SMALLEST_PX} px or more",
            hint=f"set model.image_px to {SMALLEST_PX} or more",
        )
    features = pretrained.alexnet_features(pretrained=config.pretrained)
    side = 6 if config.neck == "fc" else 1
    trunk = nn.Sequential(features, nn.AdaptiveAvgPool2d(side), nn.Flatten())
    return Backbone(trunk, _fc(config) if config.neck == "fc" else _gap(config))


def _fc(config: BackboneConfig) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(config.dropout),
        nn.Linear(CHANNELS * 6 * 6, 256),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(256, config.d),
        nn.BatchNorm1d(config.d),
        nn.ReLU(),
    )


def _gap(config: BackboneConfig) -> nn.Sequential:
    return nn.Sequential(nn.Linear(CHANNELS, config.d), nn.BatchNorm1d(config.d))
