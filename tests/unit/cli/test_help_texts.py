import pytest
from typer.main import get_command
from typer.testing import CliRunner

from elimctl.cli.main import app


def commands(command=None, path=()):
    """Every command of the program with the words that call it."""
    command = get_command(app) if command is None else command
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


def help_of(path, columns=80):
    answer = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": str(columns)}, terminal_width=columns)
    assert answer.exit_code == 0
    return answer.stdout


def test_commands_are_listed_in_groups():
    text = help_of(())
    titles = [line.rstrip(":") for line in text.splitlines() if line.endswith(":") and line[0].isupper()]
    assert titles == ["Options", "Data", "Training", "Evaluation", "Use", "Tools"]
    training = text.partition("\nTraining:")[2].partition("\nEvaluation:")[0]
    assert "  train " in training
    assert "  crossval " in training


@pytest.mark.parametrize(
    "path", [path for path, _ in commands()], ids=lambda path: " ".join(path) or "elimctl"
)
def test_no_help_text_is_cut_off_at_80_columns(path):
    text = help_of(path).replace("[ARGS]...", "")
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any(line.rstrip().endswith("...") for line in lines if not line.startswith("Usage:"))


def test_a_group_lists_the_whole_first_sentence_of_each_command():
    text = " ".join(help_of(("data",)).split())
    group = get_command(app).commands["data"]
    for command in group.commands.values():
        assert " ".join(command.help.split("\n\n")[0].split()).split(". ")[0].rstrip(".") in text
