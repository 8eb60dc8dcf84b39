"""ResNet50-IBN-a."""

import pytest
import torch
from torch import nn
from torchvision.models import resnet50

from elimctl.backbones import r50ibn
from elimctl.backbones.config import BackboneConfig
from elimctl.backbones.r50ibn import InstanceBatchNorm
from elimctl.errors import ConfigError


def test_half_of_the_channels_are_normalised_image_by_image():
    torch.manual_seed(0)
    images = torch.randn(4, 6, 5, 5) * torch.arange(1, 5).view(4, 1, 1, 1) + torch.arange(4).view(4, 1, 1, 1)
    found = InstanceBatchNorm(6)(images)
    means = found.mean(dim=(2, 3))
    assert means[:, :3].abs().max() < 1e-6  # float32 sums of 25 numbers near 1
    assert means[:, 3:].abs().max() > 0.1
    assert means[:, 3:].mean(dim=0).abs().max() < 1e-6


def test_it_stands_after_the_first_convolution_of_three_stages():
    with torch.device("meta"):
        backbone = r50ibn.build(BackboneConfig(name="r50ibn", neck="split"))
    found = [name for name, layer in backbone.named_modules() if isinstance(layer, InstanceBatchNorm)]
    blocks = {"layer1": 3, "layer2": 4, "layer3": 6}
    assert found == [
        f"trunk.{stage}.{number}.bn1" for stage, count in blocks.items() for number in range(count)
    ]


def test_but_for_that_it_is_the_stock_network():
    """torchvision's ResNet50, given the same layers where they differ, says the same."""
    torch.manual_seed(0)
    backbone = r50ibn.build(BackboneConfig(name="r50ibn", neck="split")).eval()
    stock = resnet50(weights=None).eval()
    stock.fc = nn.Identity()
    for name, layer in backbone.named_modules():
        if isinstance(layer, InstanceBatchNorm):
            stock.set_submodule(name.removeprefix("trunk."), layer)
    own = backbone.state_dict()
    named = {
        name.replace("trunk.", "").replace("neck.part.", "layer4."): value for name, value in own.items()
    }
    stock.load_state_dict(named)
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        # the same operations in the same order; a different kernel may round the last bits
        torch.testing.assert_close(backbone(images), stock(images), rtol=1e-4, atol=1e-5)


def test_nobody_has_pretrained_weights():
    with pytest.raises(ConfigError, match=r"neither timm nor torchvision .* r50ibn"):
        r50ibn.build(BackboneConfig(name="r50ibn", pretrained=True))
