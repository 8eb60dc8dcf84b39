import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from elimctl import plugins
from elimctl.cli.datasets import datasets
from elimctl.datasets import card as cards
from elimctl.errors import ConfigError, MissingError

app = typer.Typer()
app.command()(datasets)


def call(*arguments):
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80"})


@pytest.fixture
def listed(monkeypatch):
    """A dataset with a card, and one of another package without."""
    monkeypatch.setattr(plugins, "names", lambda room: ("afew-va", "strange"))


def test_the_list_says_what_each_is_and_fits_the_screen(listed):
    result = call()
    assert result.exit_code == 0
    for part in (
        "AFEW-VA database",
        "[-10, 10]",
        "clip, actor",
        "none official",
        "https://ibug.doc.ic.ac.uk",
    ):
        assert part in result.stdout
    assert "strange" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_every_dataset_is_in_the_list():
    found = {entry["dataset"] for entry in json.loads(call("--json").stdout)}
    assert found == set(plugins.names("datasets"))


def test_the_list_as_json_holds_the_cards(listed):
    afew, strange = json.loads(call("--json").stdout)
    assert afew["dataset"] == "afew-va"
    assert afew["labels"]["shipped"] == [-10, 10]
    assert list(afew["identity"]) == ["clip", "actor"]
    assert strange == {"dataset": "strange", "problem": "no card"}


def test_a_card_that_cannot_be_read_is_named_and_the_others_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "names", lambda room: ("afew-va", "strange"))
    monkeypatch.setattr(plugins, "file", lambda room, name: tmp_path / "strange.py")
    (tmp_path / "strange.toml").write_text('name = "Strange"\n')
    result = call()
    assert result.exit_code == 0
    assert "AFEW-VA database" in result.stdout
    assert "strange.toml.title: field required" in " ".join(result.stdout.split())


def test_a_card_is_shown_whole():
    card = cards.read("afew-va")
    result = call("afew-va")
    assert result.exit_code == 0
    shown = " ".join(result.stdout.split())
    texts = (
        card.title,
        card.summary,
        card.obtain,
        card.terms,
        card.layout,
        card.page,
        card.split.rule,
        card.citation.text,
    )
    for text in (*texts, *card.identity.values(), *card.citation.links):
        assert " ".join(text.split()) in shown
    assert "clips: 600" in shown
    assert "rows: at least 30,000" in shown
    assert "Note" not in shown


def test_the_note_of_a_reader_is_shown(monkeypatch):
    plugin = SimpleNamespace(NOTE="Not comparable with the other release.")
    monkeypatch.setattr(plugins, "find", lambda room, name: plugin)
    assert "Note\n  Not comparable with the other release." in call("afew-va").stdout
    assert json.loads(call("afew-va", "--json").stdout)["note"] == plugin.NOTE


def test_prose_fits_the_screen_and_addresses_stay_whole(monkeypatch):
    address = "https://example.org/" + "x" * 80
    card = cards.read("afew-va").model_copy(update={"summary": "word " * 60, "page": address})
    monkeypatch.setattr(cards, "read", lambda name: card)
    lines = call("afew-va").stdout.splitlines()
    assert f"  {address}" in lines
    assert max(len(line) for line in lines if line.strip().startswith("word")) <= 80


def test_an_unknown_dataset_names_the_nearest(monkeypatch):
    result = call("afewva")
    assert isinstance(result.exception, ConfigError)
    assert "'afew-va'" in result.exception.hint


def test_a_dataset_without_a_card_says_so(monkeypatch):
    monkeypatch.setattr(plugins, "find", lambda room, name: SimpleNamespace())
    assert isinstance(call("strange").exception, MissingError)


def test_the_list_needs_no_heavy_module():
    script = (
        "import sys; from elimctl.cli.datasets import datasets; datasets()\n"
        "print(sorted({'numpy', 'cv2', 'av', 'pyarrow', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
