"""MLP-Mixer B/16."""

from torch import nn

from elimctl.backbones import pretrained
from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig, one_neck
from elimctl.errors import ConfigError

# Kim & Song 2022, Table 1 prints 59.1M: this trunk alone
PAPER_COUNTS = ("trunk",)

TIMM_NAME = "mixer_b16_224.goog_in21k_ft_in1k"
WIDTH = 768  # of a token, and of their mean
IMAGE_PX = 224  # the token MLP has one weight per patch


def build(config: BackboneConfig) -> Backbone:
    """Build MLP-Mixer B/16, features z of either sign.

    The neck is one linear map without bias, normalisation or dropout, as in the released code. Weights that
    are not pretrained are timm's and torch's default initialisation.

    Raises:
        ConfigError: images that are not 224 px, or a neck other than the one there is.
        DownloadError: pretrained weights that are neither cached nor within reach.
    """
    one_neck(config)
    if config.image_px != IMAGE_PX:
        raise ConfigError(
            f"model.image_px = {config.image_px}, but mmx takes images of {IMAGE_PX} px only",
            hint=f"set model.image_px = {IMAGE_PX}, or choose al or r18, which take other sizes",
        )
    trunk = pretrained.timm_model(TIMM_NAME, num_classes=0, pretrained=config.pretrained)
    return Backbone(trunk, nn.Linear(WIDTH, config.d, bias=False))
