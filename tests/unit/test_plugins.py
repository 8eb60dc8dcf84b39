import sys

import pytest

from elimctl import plugins
from elimctl.errors import ConfigError


def test_names_are_read_without_importing_the_files():
    for module in [name for name in sys.modules if name.startswith("elimctl.backbones.")]:
        del sys.modules[module]
    plugins.names.cache_clear()
    assert {"al", "r18", "mmx", "timm"} <= set(plugins.names("backbones"))
    assert not [name for name in sys.modules if name.startswith("elimctl.backbones.")]


def test_files_that_do_not_meet_the_contract_are_no_plugins():
    assert "drawing" not in plugins.names("datasets")
    assert "afew-va" in plugins.names("datasets")


def test_what_follows_a_slash_belongs_to_the_plugin():
    assert plugins.find("backbones", "timm/resnet50") is plugins.find("backbones", "timm")


def test_an_unknown_plugin_lists_the_known_and_names_the_nearest():
    with pytest.raises(ConfigError, match="afew-va") as caught:
        plugins.find("datasets", "afew_va2")
    assert "afew-va" in caught.value.hint


def test_a_package_of_a_third_party_adds_a_plugin_by_entry_point(tmp_path, monkeypatch):
    (tmp_path / "theirs.py").write_text("def build(config): ...\n")
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[elimctl.backbones]\ntheir-net = theirs\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins._third_party.cache_clear()
    plugins.names.cache_clear()
    try:
        assert "their-net" in plugins.names("backbones")
        assert plugins.find("backbones", "their-net").__name__ == "theirs"
    finally:
        plugins._third_party.cache_clear()
        plugins.names.cache_clear()
