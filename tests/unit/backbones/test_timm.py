"""Any network of timm."""

import pytest
import torch

from elimctl.backbones import timm
from elimctl.backbones.config import BackboneConfig
from elimctl.errors import ConfigError


def build(name, **settings):
    with torch.device("meta"):
        return timm.build(BackboneConfig(name=f"timm/{name}", **settings))


@pytest.mark.parametrize(
    "name", ["resnet10t", "mobilenetv3_small_050", "convnext_atto", "vit_tiny_patch16_224"]
)
def test_neck_fits_the_vectors_of_the_trunk(name):
    """For mobilenetv3 the width that timm calls num_features is not that of its pooled head."""
    with torch.device("meta"):
        assert build(name, d=16)(torch.empty(2, 3, 224, 224)).shape == (2, 16)


def test_a_tag_of_weights_may_be_named():
    assert build("resnet18.tv_in1k").trunk.pretrained_cfg["tag"] == "tv_in1k"


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(ConfigError, match=r"no model 'resnet5'; near: .*resnet50") as caught:
        build("resnet5")
    assert caught.value.hint == "write timm/resnet50"


def test_an_unknown_tag_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"no weights 'v9' for resnet18; there are: .*resnet18\.tv_in1k"):
        build("resnet18.v9")


@pytest.mark.parametrize("name", ["", "zzz"])
def test_a_name_like_no_other_is_an_error_too(name):
    with pytest.raises(ConfigError, match="timm has no model") as caught:
        build(name)
    assert "timm.list_models()" in caught.value.hint


def test_a_size_that_the_network_does_not_take_is_refused_with_the_one_it_does():
    with pytest.raises(
        ConfigError, match=r"image_px = 96, which vit_tiny_patch16_224 does not take"
    ) as caught:
        build("vit_tiny_patch16_224", image_px=96)
    assert "224" in caught.value.hint


def test_a_network_that_gives_maps_is_refused():
    with pytest.raises(ConfigError, match="not one vector per image"):
        build("mobilenetv5_300m_enc")
