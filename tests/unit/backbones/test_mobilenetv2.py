"""MobileNetV2."""

import torch
from torch import nn
from torchvision.models import mobilenet_v2

from elimctl.backbones import mobilenetv2
from elimctl.backbones.config import BackboneConfig


def test_it_is_the_stock_network_split_before_its_fourteenth_layer():
    """torchvision's network, given the same tensors in the order of its layers, gives the same maps."""
    torch.manual_seed(0)
    backbone = mobilenetv2.build(BackboneConfig(name="mobilenetv2", neck="split")).eval()
    stock = mobilenet_v2(weights=None).features.eval()
    names, own = stock.state_dict().keys(), backbone.state_dict().values()
    stock.load_state_dict(dict(zip(names, own, strict=True)))
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        maps = backbone.trunk(images)
        # the same operations; a different kernel may round the last bits
        torch.testing.assert_close(maps, nn.Sequential(*stock[:14])(images), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(backbone.neck.part(maps), stock(images), rtol=1e-4, atol=1e-5)
