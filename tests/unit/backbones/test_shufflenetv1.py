"""ShuffleNetV1."""

import pytest
import torch
from torch import nn

from elimctl.backbones import shufflenetv1
from elimctl.backbones.config import BackboneConfig
from elimctl.backbones.shufflenetv1 import Block, shuffle
from elimctl.errors import ConfigError


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(0)
    return shufflenetv1.build(BackboneConfig(name="shufflenetv1", neck="split"))


def test_channels_are_shuffled_as_torch_does():
    maps = torch.randn(2, 12, 3, 3)
    assert torch.equal(shuffle(maps), nn.ChannelShuffle(3)(maps))


def test_it_has_four_eight_and_four_blocks_that_halve_the_map_once_each(backbone):
    stages = [*list(backbone.trunk.children())[4:], backbone.neck.part]
    assert [[block.stride for block in stage] for stage in stages] == [
        [2, 1, 1, 1],
        [2, 1, 1, 1, 1, 1, 1, 1],
        [2, 1, 1, 1],
    ]


def test_only_the_first_convolution_is_not_grouped(backbone):
    blocks = [layer for layer in backbone.modules() if isinstance(layer, Block)]
    assert [block.spread[0].groups for block in blocks] == [1] + 15 * [3]
    assert {block.join[0].groups for block in blocks} == {3}


def test_multiply_accumulates_are_those_of_the_methods_dossier(backbone):
    """0.522 G at 224 px."""
    total = 0

    def add(layer, _, output):
        nonlocal total
        total += output.numel() * layer.weight[0].numel()

    convolutions = [layer for layer in backbone.modules() if isinstance(layer, nn.Conv2d)]
    hooks = [layer.register_forward_hook(add) for layer in convolutions]
    with torch.inference_mode():
        backbone.eval()(torch.zeros(1, 3, 224, 224))
    for hook in hooks:
        hook.remove()
    assert round(total / 1e9, 3) == 0.522


def test_a_block_joins_what_came_in_where_it_halves_and_adds_it_where_it_does_not():
    torch.manual_seed(0)
    maps = torch.rand(2, 24, 8, 8)
    halving, keeping = (Block(24, 48, stride=2, groups=3).eval(), Block(24, 24, stride=1, groups=3).eval())
    assert torch.equal(halving(maps)[:, :24], nn.AvgPool2d(3, 2, 1)(maps))
    nn.init.zeros_(keeping.join[1].weight)
    assert torch.equal(keeping(maps), maps)  # non-negative, so that the ReLU after the sum keeps them


def test_the_signal_keeps_its_size_in_a_fresh_network(backbone):
    with torch.inference_mode():
        features = backbone.train()(torch.randn(4, 3, 96, 96))
    assert 0.05 < float(features.std()) < 5


def test_nobody_has_pretrained_weights():
    with pytest.raises(ConfigError, match=r"neither timm nor torchvision .* shufflenetv1"):
        shufflenetv1.build(BackboneConfig(name="shufflenetv1", pretrained=True))
