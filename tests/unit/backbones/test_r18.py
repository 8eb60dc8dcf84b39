"""ResNet18."""

import torch
from torch import nn
from torchvision.models import resnet18

from elimctl.backbones import r18
from elimctl.backbones.config import BackboneConfig


def test_trunk_is_the_stock_network_with_its_output_layer():
    """torchvision's network with the same weights says the same."""
    trunk = r18.build(BackboneConfig(name="r18")).trunk.eval()
    stock = resnet18(weights=None).eval()
    stock.load_state_dict(trunk.state_dict())
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        # the same operations in the same order; a different kernel may round the last bits of values near 1
        assert torch.allclose(trunk(images), stock(images), atol=1e-5)


def test_neck_narrows_from_1000_to_d_with_dropout_before_each_linear_layer():
    neck = r18.build(BackboneConfig(name="r18", dropout=0.2)).neck
    linear = [part for part in neck if isinstance(part, nn.Linear)]
    assert [(part.in_features, part.out_features) for part in linear] == [(1000, 512), (512, 256), (256, 64)]
    assert [type(neck[index - 1]) for index, part in enumerate(neck) if part in linear] == [nn.Dropout] * 3
    assert {part.p for part in neck if isinstance(part, nn.Dropout)} == {0.2}
