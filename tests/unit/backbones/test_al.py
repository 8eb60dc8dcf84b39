"""AL-tuned."""

import pytest
import torch
from torch import nn
from torchvision.models import alexnet

from elimctl.backbones import al
from elimctl.backbones.config import BackboneConfig
from elimctl.errors import ConfigError


@pytest.fixture
def images():
    return torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(0))


def test_trunk_computes_what_alexnet_feeds_its_classifier(images):
    backbone = al.build(BackboneConfig()).eval()
    network = alexnet(weights=None).eval()
    network.features.load_state_dict(backbone.trunk[0].state_dict())
    network.classifier = nn.Identity()
    with torch.inference_mode():
        assert torch.equal(backbone.trunk(images), network(images))


def test_features_of_the_full_neck_are_never_negative_and_those_of_the_small_one_are(images):
    with torch.inference_mode():
        assert al.build(BackboneConfig(neck="fc"))(images).min() == 0
        assert al.build(BackboneConfig(neck="gap"))(images).min() < 0


def test_small_neck_reads_the_mean_of_the_maps(images):
    backbone = al.build(BackboneConfig(neck="gap")).eval()
    with torch.inference_mode():
        maps = backbone.trunk[0](images)
        # float32 means of 36 values of order 0.1, summed in another order
        assert torch.allclose(backbone.trunk(images), maps.mean(dim=(2, 3)), atol=1e-6)


def test_smallest_image_is_known():
    with torch.inference_mode():
        backbone = al.build(BackboneConfig(image_px=al.SMALLEST_PX)).eval()
        assert backbone(torch.zeros(1, 3, al.SMALLEST_PX, al.SMALLEST_PX)).shape == (1, 64)
        with pytest.raises(RuntimeError):
            backbone(torch.zeros(1, 3, al.SMALLEST_PX - 1, al.SMALLEST_PX - 1))
    with pytest.raises(ConfigError, match="image_px = 62"):
        al.build(BackboneConfig(image_px=al.SMALLEST_PX - 1))


@pytest.mark.parametrize("neck", ["fc", "gap"])
def test_dropout_is_where_the_neck_has_it(neck):
    rates = [
        part.p
        for part in al.build(BackboneConfig(neck=neck, dropout=0.3)).neck.modules()
        if isinstance(part, nn.Dropout)
    ]
    assert rates == ([0.3, 0.3] if neck == "fc" else [])
