"""Sphinx extension: pages that are made from the program, so that they cannot be out of date.

`reference/commands.md` comes from the command line, `reference/settings.md` from the configuration models.
"""

import inspect
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

FOLDER = Path(__file__).parent / "reference"


def setup(app: Any) -> dict[str, bool]:
    """Write the pages before Sphinx reads any."""
    app.connect("builder-inited", lambda _: write())
    return {"parallel_read_safe": True}


def write() -> None:
    """Write both pages; a page that did not change keeps its time."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in {"commands.md": commands(), "settings.md": settings()}.items():
        file = FOLDER / name
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def commands() -> str:
    """Every command with its arguments and options."""
    from typer.main import get_command

    from elimctl.cli.main import app

    parts = ["# Commands\n\nThis page is made from `--help`.\n"]
    stack = [("elimctl", get_command(app))]
    while stack:
        name, command = stack.pop(0)
        below = getattr(command, "commands", {})
        if not below:
            parts.append(_command(name, command))
        stack += [(f"{name} {key}", one) for key, one in below.items()]
    return "\n".join(parts)


def _command(name: str, command: Any) -> str:
    import typer

    lines = [f"## {name}\n", inspect.cleandoc(command.help or ""), "", "| option | meaning |", "|---|---|"]
    context = typer.Context(command, info_name=name)
    command.get_help(context)  # fills in the lists of plug-ins
    for parameter in command.params:
        spelled = " ".join(f"`{one}`" for one in [*parameter.opts, *parameter.secondary_opts])
        if parameter.param_type_name == "argument":
            spelled = f"`{(parameter.metavar or parameter.name).upper()}`"
        lines.append(f"| {spelled} | {_cell(getattr(parameter, 'help', None) or '')} |")
    return "\n".join(lines) + "\n"


def settings() -> str:
    """Every key of a recipe with its default, and what the code says of it: meaning, unit, source."""
    from elimctl import plugins

    parts = [
        "# Settings\n\nEvery key of a recipe. Set one with `--set KEY=VALUE`, or write it into a TOML file.\n"
        "Sections such as A.10 are those of [the methods page](../methods.md).\n"
    ]
    for table, model in _tables():
        parts.append(f"## {table}\n\n{_table(table, model)}")
    for room, word, table in (("methods", "Method", "method"), ("datasets", "Dataset", "dataset")):
        for name in plugins.names(room):
            plugin = plugins.find(room, name)
            model = plugin.Config if room == "methods" else plugin.Options
            parts.append(f"## {word} {name}\n\n{_table(table, model)}")
    return "\n".join(parts)


def _tables() -> Iterator[tuple[str, type[BaseModel]]]:
    from elimctl.backbones.config import BackboneConfig
    from elimctl.methods.temporal_head import TemporalConfig
    from elimctl.metrics.score import MetricOptions
    from elimctl.prepare.settings import PrepareSettings
    from elimctl.train.config import DataConfig, TrainConfig

    yield from {
        "prepare": PrepareSettings,
        "data": DataConfig,
        "model": BackboneConfig,
        "train": TrainConfig,
        "eval": MetricOptions,
        "temporal": TemporalConfig,
    }.items()


def _table(prefix: str, model: type[BaseModel]) -> str:
    lines = ["| key | default | meaning |", "|---|---|---|"]
    lines += [f"| `{key}` | {default} | {_cell(text)} |" for key, default, text in _keys(prefix, model)]
    return "\n".join(lines) + "\n"


def _keys(prefix: str, model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    """Key, default and meaning of each field; those of tables below it in its place."""
    comments = {name: text for base in reversed(model.__mro__) for name, text in _comments(base).items()}
    for name, field in model.model_fields.items():
        default = (
            field.get_default(call_default_factory=True) if not field.is_required() else PydanticUndefined
        )
        if isinstance(default, BaseModel):
            yield from _keys(f"{prefix}.{name}", type(default))
        else:
            shown = "required" if default is PydanticUndefined else f"`{_toml(default)}`"
            yield f"{prefix}.{name}", shown, comments.get(name, "")


def _comments(model: type) -> dict[str, str]:
    """Comments on the fields of a class: those above a field, and that at its end."""
    if not (issubclass(model, BaseModel) and model.__module__.startswith("elimctl")):
        return {}
    found: dict[str, str] = {}
    above: list[str] = []
    name, depth = "", 0
    for token in tokenize.generate_tokens(io.StringIO(inspect.getsource(model)).readline):
        if token.type == tokenize.OP and token.string in "([{":
            depth += 1
        elif token.type == tokenize.OP and token.string in ")]}":
            depth -= 1
        elif token.type == tokenize.NAME and not name and token.start[1] == 4:
            name = token.string
        elif token.type == tokenize.COMMENT and not token.string.startswith("# noqa"):
            above.append(token.string.removeprefix("#").strip())
        elif token.type == tokenize.NEWLINE and depth == 0:
            if name in model.__annotations__:
                found[name] = " ".join(above)
            name, above = "", []
    return found


def _toml(value: Any) -> str:
    """A default as a recipe has it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
