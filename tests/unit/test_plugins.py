import sys

import pytest

from elimctl import plugins
from elimctl.errors import ConfigError


@pytest.fixture(autouse=True)
def nothing_cached():
    """Plug-ins are looked for once a process; here they come and go."""
    caches = (plugins.names, plugins._third_party)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A function that writes a file into a room of its own, which stands in for every room."""
    monkeypatch.setattr(plugins, "_folder", lambda room: tmp_path)
    return lambda name, text: (tmp_path / f"{name}.py").write_text(text)


@pytest.fixture
def third_party(tmp_path, monkeypatch):
    """A function that installs a module with an entry point `elimctl.backbones`."""

    def install(name, *, module, text):
        (tmp_path / f"{module}.py").write_text(text)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[elimctl.backbones]\n{name} = {module}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def test_names_are_read_without_importing_the_files(monkeypatch):
    for module in [name for name in sys.modules if name.startswith("elimctl.backbones.")]:
        monkeypatch.delitem(sys.modules, module)  # comes back, lest other tests see its classes twice
    assert {"al", "r18", "mmx", "timm"} <= set(plugins.names("backbones"))
    assert not [name for name in sys.modules if name.startswith("elimctl.backbones.")]


def test_files_that_do_not_meet_the_contract_are_no_plugins():
    assert "alignment" not in plugins.names("datasets")
    assert "afew-va" in plugins.names("datasets")


@pytest.mark.parametrize(
    "text",
    [
        "class Config: ...\nSAMPLER = 'shuffle'\ndef build(config, backbone): ...",
        "class Config: ...\nSAMPLER: str = 'shuffle'\ndef build(config, backbone): ...",
        "class Config: ...\nSAMPLER, OTHER = 'shuffle', 1\nbuild = print",
        "from theirs import Config, SAMPLER, make as build",
        "import theirs.Config as Config, theirs as build\nSAMPLER = OTHER = 'shuffle'",
    ],
    ids=["plain", "annotated", "unpacked", "imported from", "imported"],
)
def test_a_name_counts_however_the_file_defines_it(room, text):
    room("my_method", text)
    assert plugins.names("methods") == ("my-method",)


@pytest.mark.parametrize(
    "text",
    [
        "class Config: ...\nSAMPLER: str\ndef build(config, backbone): ...",
        "class Config:\n    SAMPLER = 'shuffle'\ndef build(config, backbone): ...",
        "from theirs import Config, SAMPLER as sampler, build",
        "class Config: ...\nOTHER[SAMPLER] = OTHER.SAMPLER = 1\ndef build(config, backbone): ...",
    ],
    ids=["declared only", "inside a class", "under another name", "read only"],
)
def test_a_file_that_lacks_a_name_is_told_which(room, text):
    room("my_method", text)
    assert plugins.names("methods") == ()
    with pytest.raises(
        ConfigError, match=r"my_method\.py cannot be used as a method: it does not define SAMPLER$"
    ):
        plugins.find("methods", "my-method")


def test_all_names_that_are_missing_are_listed_in_the_contracts_order():
    with pytest.raises(ConfigError, match=r"define Options, read$") as caught:
        plugins.find("datasets", "alignment")
    assert caught.value.message.startswith("elimctl/datasets/alignment.py cannot be used as a dataset")
    assert "afew-va" in caught.value.hint


def test_a_file_with_a_syntax_error_is_named(room):
    room("my_net", "def build(config:")
    with pytest.raises(SyntaxError, match=r"my_net\.py"):
        plugins.names("backbones")


def test_what_follows_a_slash_belongs_to_a_plugin_that_takes_it():
    assert plugins.find("backbones", "timm/resnet50") is plugins.find("backbones", "timm")


@pytest.mark.parametrize(
    ("room", "name"), [("backbones", "al/foo"), ("backbones", "al/"), ("export", "onnx/x")]
)
def test_what_follows_a_slash_is_refused_elsewhere(room, name):
    with pytest.raises(ConfigError, match="has no variants after a slash") as caught:
        plugins.find(room, name)
    assert caught.value.hint == f"write {name.partition('/')[0]!r}"


def test_an_unknown_plugin_lists_the_known_and_names_the_nearest():
    with pytest.raises(ConfigError, match="no dataset named 'afew-va2'; there are: afew-va") as caught:
        plugins.find("datasets", "afew_va2")
    assert "afew-va" in caught.value.hint


@pytest.mark.parametrize("room", plugins.CONTRACTS)
def test_every_room_has_a_word_for_one_of_its_plugins(room):
    with pytest.raises(ConfigError, match=f"^no {plugins.WORDS[room]} named 'zzz'"):
        plugins.find(room, "zzz")


@pytest.mark.parametrize("name", ["their-net", "their_net"])
def test_a_package_of_a_third_party_adds_a_plugin_by_entry_point(third_party, name):
    third_party(name, module="theirs", text="def build(config): ...\n")
    assert "their-net" in plugins.names("backbones")
    assert plugins.find("backbones", "their-net") is plugins.find("backbones", "their_net")


def test_a_package_of_a_third_party_keeps_the_contract_too(third_party):
    third_party("hollow-net", module="hollow", text="")
    with pytest.raises(ConfigError, match=r"^hollow cannot be used as a backbone: it does not define build"):
        plugins.find("backbones", "hollow-net")
