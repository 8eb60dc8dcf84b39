"""MLP-Mixer."""

import pytest
import torch

from elimctl.backbones import mmx
from elimctl.backbones.config import BackboneConfig
from elimctl.errors import ConfigError


def test_network_is_the_mixer_of_the_paper():
    with torch.device("meta"):
        trunk = mmx.build(BackboneConfig(name="mmx")).trunk
    block = trunk.blocks[0]
    assert len(trunk.blocks) == 12
    assert trunk.stem.proj.kernel_size == (16, 16)
    assert (block.mlp_tokens.fc1.in_features, block.mlp_tokens.fc1.out_features) == (196, 384)
    assert (block.mlp_channels.fc1.in_features, block.mlp_channels.fc1.out_features) == (768, 3072)
    assert {norm.eps for norm in (block.norm1, block.norm2, trunk.norm)} == {1e-6}


def test_other_sizes_are_refused_when_building():
    with pytest.raises(ConfigError, match="mmx takes images of 224 px only") as caught:
        mmx.build(BackboneConfig(name="mmx", image_px=160))
    assert "224" in caught.value.hint
