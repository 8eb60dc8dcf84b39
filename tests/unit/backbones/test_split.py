"""Networks in two parts."""

import pytest
import torch
from torch import nn

from elimctl import plugins
from elimctl.backbones import counts
from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig
from elimctl.backbones.split import Split, another, assemble
from elimctl.errors import ConfigError

# width, parameters of the network without its classifier, channels and side of the trunk's map at 224 px
NETWORKS = {
    "r18": (512, 11_176_512, (256, 14)),
    "r50ibn": (2048, 23_508_032, (1024, 14)),
    "mobilenetv2": (1280, 2_223_872, (96, 14)),
    "shufflenetv1": (1920, 3_529_776, (960, 14)),
}


def build(name, **settings):
    with torch.device("meta"):
        return plugins.find("backbones", name).build(BackboneConfig(name=name, **settings))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_parts_are_those_of_the_supplement(name):
    width, total, (channels, side) = NETWORKS[name]
    backbone = build(name, neck="split")
    with torch.device("meta"):
        maps = backbone.trunk(torch.empty(2, 3, 224, 224))
        assert maps.shape == (2, channels, side, side)
        assert backbone.neck(maps).shape == (2, width)
    assert backbone.neck.width == width
    assert counts.count(backbone) == total


@pytest.mark.parametrize("name", ["r50ibn", "mobilenetv2", "shufflenetv1"])
def test_the_other_neck_is_one_linear_layer(name):
    width, total, _ = NETWORKS[name]
    backbone = build(name, d=16, dropout=0.2)
    assert [type(layer) for layer in backbone.neck] == [nn.Dropout, nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert (backbone.neck[0].p, backbone.neck[1].in_features, backbone.neck[1].out_features) == (
        0.2,
        width,
        16,
    )
    assert counts.count(backbone.trunk) == total


@pytest.mark.parametrize("name", ["al", "mmx", "timm/mobilenetv3_small_050"])
def test_a_network_that_is_not_split_says_so(name):
    with pytest.raises(ConfigError, match=r"'split' with backbone .*, which has") as caught:
        build(name, neck="split")
    assert "r18" in caught.value.hint


@pytest.mark.parametrize("name", NETWORKS)
def test_a_width_that_it_does_not_have_is_refused(name):
    with pytest.raises(ConfigError, match=r"model\.d = 128 with model\.neck = 'split'"):
        build(name, neck="split", d=128)


def test_features_are_the_mean_over_the_map():
    torch.manual_seed(0)
    split = Split(nn.Conv2d(3, 4, 1), 4)
    backbone = assemble(BackboneConfig(neck="split"), nn.Identity(), split)
    images = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(backbone(images), split.part(images).mean(dim=(2, 3)))
    assert isinstance(backbone, Backbone)


def test_a_fresh_copy_is_drawn_from_the_same_distribution():
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(8, 16, 3, bias=False), nn.BatchNorm2d(16))
    second = another(Split(first, 16)).part
    assert not torch.equal(second[0].weight, first[0].weight)
    assert torch.equal(second[0].weight.flatten().sort().values, first[0].weight.flatten().sort().values)
    assert torch.equal(second[1].weight, torch.ones(16))
    # 1152 draws: 0.03 is one standard deviation of the correlation of independent ones
    together = torch.stack([first[0].weight.detach().flatten(), second[0].weight.detach().flatten()])
    assert abs(torch.corrcoef(together)[0, 1]) < 0.12


def test_a_copy_of_pretrained_weights_keeps_them():
    first = Split(nn.Conv2d(2, 4, 1), 4, pretrained=True)
    second = another(first)
    assert torch.equal(second.part.weight, first.part.weight)
    assert second.part.weight is not first.part.weight
