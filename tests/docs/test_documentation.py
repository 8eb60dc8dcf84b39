"""What the documentation says is there, is there."""

import re
import tomllib
from pathlib import Path

import pytest

from elimctl import plugins, recipe
from elimctl.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands_in(page):
    """Lines of shell code blocks that call elimctl, comments cut off."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL)
    lines = [part.partition("#")[0].strip() for block in blocks for part in re.split(r"\n|&&", block)]
    return [line for line in lines if line.startswith("elimctl ")]


def options_of(words):
    """Options of the command, or of the one of a group of commands, that words begin with."""
    from typer.main import get_command

    found = get_command(app)
    for word in words:
        if not hasattr(found, "commands"):
            break
        found = found.commands[word]
    return {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_in_the_documentation_exists(page):
    for line in commands_in(page):
        _, *words = line.split()
        known = options_of(words) | {"--help"}
        for word in words:
            if word.startswith("--"):
                assert word.partition("=")[0] in known, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_readme_has_the_two_set_up_commands_and_the_four_of_the_work():
    text = (ROOT / "README.md").read_text()
    first_screen = text[:2000]
    assert "elimctl demo" in first_screen
    assert "pip install -e '.[dev]' && make check" in first_screen
    four = [
        "elimctl prepare afew-va /raw",
        "elimctl train --backbone r18",
        "elimctl eval --split val",
        "elimctl export onnx",
    ]
    assert "\n".join(four) in text


def test_ci_runs_the_readmes_test_command():
    text = (ROOT / "README.md").read_text()
    marked = re.search(r"<!-- test command -->\n```sh\n(.*?)\n```", text, flags=re.DOTALL)
    assert marked
    assert "make check" in marked[1]
    assert "<!-- test command -->" in (ROOT / ".ci" / "run").read_text()


def test_every_dataset_has_a_card():
    for name in plugins.names("datasets"):
        card = tomllib.loads((ROOT / "data_manifest" / f"{name}.toml").read_text())
        assert card["citation"]


@pytest.mark.parametrize("name", recipe.names())
def test_every_recipe_begins_with_what_it_is_for(name):
    assert recipe.path(name).read_text().startswith("# ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_set_in_the_documentation_is_a_key(page):
    from elimctl.config import parse_set

    for assignment in re.findall(r"--set ([a-z_]+\.[a-z_.]+=[\w.\-]+)", page.read_text()):
        table = next(iter(parse_set([assignment])))
        assert table in recipe.TABLES, assignment
        values = recipe.read(None, sets=[assignment])
        if table in ("data", "model", "method", "train"):
            recipe.run_config(values)
