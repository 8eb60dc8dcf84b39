"""ShuffleNetV1, 2.0x with three groups."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from elimctl.backbones import pretrained
from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig, known_neck
from elimctl.backbones.split import Split, assemble

NECKS = ("fc", "split")  # the default first
GROUPS = 3
STEM = 48  # channels
STAGES = ((4, 480), (8, 960), (4, 1920))  # blocks and channels
BOTTLENECK = 4  # channels of a block for each one inside it


class Block(nn.Module):
    """A grouped 1x1, a depthwise 3x3 and a grouped 1x1 convolution, beside what came in.

    Args:
        incoming: channels that come in.
        outgoing: channels that go out.
        stride: 2 halves the map and joins what came in to it, mean-pooled; 1 adds what came in.
        groups: of the first convolution.

    Source: Zhang et al. 2018, Fig. 2; channels are shuffled after the depthwise convolution, as in the
        authors' later public version.
    """

    def __init__(self, incoming: int, outgoing: int, *, stride: int, groups: int) -> None:
        super().__init__()
        inner = outgoing // BOTTLENECK
        grown = outgoing - incoming if stride == 2 else outgoing
        self.stride = stride
        self.spread = nn.Sequential(
            nn.Conv2d(incoming, inner, 1, groups=groups, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
        )
        self.join = nn.Sequential(
            nn.Conv2d(inner, grown, 1, groups=GROUPS, bias=False), nn.BatchNorm2d(grown)
        )

    def forward(self, maps: Float[Tensor, "B n h w"]) -> Float[Tensor, "B m H W"]:
        """Maps of the next block."""
        added: Tensor = self.join(shuffle(self.spread(maps)))
        if self.stride == 1:
            return (maps + added).relu()
        return torch.cat([nn.functional.avg_pool2d(maps, 3, 2, 1), added.relu()], dim=1)


def shuffle(maps: Float[Tensor, "B n h w"]) -> Float[Tensor, "B n h w"]:
    """Interleave the channels of all groups, so that each group of the next convolution sees every one."""
    images, channels, height, width = maps.shape
    grouped = maps.reshape(images, GROUPS, channels // GROUPS, height, width)
    return grouped.transpose(1, 2).reshape(maps.shape)


def build(config: BackboneConfig) -> Backbone:
    """Build ShuffleNetV1 2.0x with three groups; images of any size, features z non-negative.

    The neck is dropout, one linear layer, BatchNorm, ReLU. Weights are drawn from a normal distribution of
    variance 2 / fan-out.

    Args:
        config: with `neck = "split"` the network's last stage is the neck.

    Raises:
        ConfigError: a neck that it does not have, a width that a split network does not have, or pretrained
            weights, which neither timm nor torchvision has.

    Source: Zhang et al. 2018, Table 1; She et al. 2021, supplement (where it is split).
    """
    known_neck(config, *NECKS)
    pretrained.refuse(config.name, pretrained=config.pretrained)
    trunk = nn.Sequential(
        nn.Conv2d(3, STEM, 3, 2, 1, bias=False),
        nn.BatchNorm2d(STEM),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    )
    incoming = STEM
    stages = []
    for blocks, outgoing in STAGES:
        stages.append(_stage(incoming, outgoing, blocks=blocks))
        incoming = outgoing
    trunk.extend(stages[:-1])
    split = Split(stages[-1], incoming)
    for layer in (*trunk.modules(), *split.modules()):
        if isinstance(layer, nn.Conv2d):  # torch's own initialisation makes the signal fade
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return assemble(config, trunk, split)


def _stage(incoming: int, outgoing: int, *, blocks: int) -> nn.Sequential:
    """Blocks of one size; in the network's first one, the few channels of the stem are not grouped."""
    groups = 1 if incoming == STEM else GROUPS
    first = Block(incoming, outgoing, stride=2, groups=groups)
    others = [Block(outgoing, outgoing, stride=1, groups=GROUPS) for _ in range(blocks - 1)]
    return nn.Sequential(first, *others)
