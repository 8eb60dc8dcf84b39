"""What the residual networks share."""

from torch import nn

from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig
from elimctl.backbones.split import Split, assemble


def split_last_stage(config: BackboneConfig, network: nn.Module, *, width: int) -> Backbone:
    """A backbone of timm's ResNet, split before its last stage.

    Args:
        config: its choice of neck.
        network: stem, four stages, and what follows them, which is dropped.
        width: channels of the last stage.

    Raises:
        ConfigError: a width was asked for that a split network does not have.
    """
    parts = dict(network.named_children())
    trunk = nn.Sequential()
    for name in ("conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3"):
        trunk.add_module(name, parts[name])
    return assemble(config, trunk, Split(parts["layer4"], width, pretrained=config.pretrained))
