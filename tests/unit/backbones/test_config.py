"""What a backbone is built from."""

import pytest

from elimctl.backbones.config import BackboneConfig, known_neck, one_neck
from elimctl.config import validate
from elimctl.errors import ConfigError


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("d", 0),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("neck", "conv"),
        ("image_px", 31),
        ("name", ""),
        ("depth", 3),
    ],
)
def test_a_value_that_cannot_be_is_named(key, value):
    with pytest.raises(ConfigError, match=rf"model\.{key}"):
        validate(BackboneConfig, {key: value}, where="model")


def test_the_small_neck_is_refused_where_there_is_none():
    one_neck(BackboneConfig(name="r18"))
    with pytest.raises(ConfigError, match="'gap' with backbone 'r18'"):
        one_neck(BackboneConfig(name="r18", neck="gap"))


def test_a_neck_that_a_backbone_does_not_have_is_refused_with_those_it_has():
    known_neck(BackboneConfig(name="r18", neck="split"), "fc", "split")
    with pytest.raises(ConfigError, match="'gap' with backbone 'r18', which has the necks fc and split"):
        known_neck(BackboneConfig(name="r18", neck="gap"), "fc", "split")
