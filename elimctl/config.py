"""Configuration: frozen models, layered values, TOML in and out.

Values come from, in rising order: the default of a field, a recipe, a command-line option, `--set`.
They are merged first and validated once.
"""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from elimctl import atomic
from elimctl.errors import ConfigError, MissingError

Values = dict[str, Any]


class Config(BaseModel):
    """Base of every configuration: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnyConfig = TypeVar("AnyConfig", bound=Config)


def merge(*layers: Mapping[str, Any]) -> Values:
    """Merge nested values; later layers win, tables merge key by key.

    Args:
        layers: nested mappings; a None value leaves the earlier layers' value in place.
    """
    merged: Values = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, Mapping):
                below = merged.get(key)
                merged[key] = merge(below if isinstance(below, Mapping) else {}, value)
            elif value is not None:
                merged[key] = value
    return merged


def validate(model: type[AnyConfig], values: Mapping[str, Any], *, where: str = "") -> AnyConfig:
    """Build a configuration from merged values.

    Args:
        model: the configuration to build.
        values: nested values.
        where: the table that the values are, for messages (`method`); empty for a whole recipe.

    Raises:
        ConfigError: an unknown key (the message names the nearest known one), or a value that does
            not fit its field.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
    key = _dotted(where, *first["loc"])
    if first["type"] == "extra_forbidden":
        raise _unknown_key(model, first["loc"], where=where) from None
    found = "" if first["type"] == "missing" else f", found {first['input']!r}"
    raise ConfigError(f"{key}: {_lower(first['msg'])}{found}", hint=f"set {key} to a valid value") from None


def parse_set(assignments: list[str]) -> Values:
    """Nested values from `key.path=value` assignments, as given to `--set`.

    Args:
        assignments: each `a.b=value`; the value is read as TOML (`0.05`, `[1, 2]`, `true`, `"x"`), a bare
            word as a string.

    Raises:
        ConfigError: an assignment has no `=` or no key.
    """
    values: Values = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not all(key.strip().split(".")):
            raise ConfigError(
                f"--set {assignment!r} is not of the form key=value",
                hint="write for example --set method.reg=0.05",
            )
        nested: Any = _toml_value(text.strip())
        for part in reversed(key.strip().split(".")):
            nested = {part: nested}
        values = merge(values, nested)
    return values


def read_toml(path: Path) -> Values:
    """Values of a TOML file.

    Raises:
        MissingError: there is no such file.
        ConfigError: the file is not TOML; the message gives the line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise MissingError(f"no file {path}", hint="check the path of the recipe") from None
    except IsADirectoryError:
        raise MissingError(f"{path} is a folder, not a TOML file", hint="name a file in it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {_lower(str(error))}", hint="mend that line") from None


def write_toml(path: Path, values: Mapping[str, Any]) -> None:
    """Write values as TOML, atomically; None values are left out (TOML has no null)."""
    atomic.write_text(path, tomli_w.dumps(merge(values)))


def _unknown_key(model: type[BaseModel], location: tuple[int | str, ...], *, where: str) -> ConfigError:
    """The error for a key that `model` does not have, with the nearest key it has."""
    *parents, key = [str(part) for part in location]
    owner: Any = model
    for part in parents:
        owner = owner.model_fields[part].annotation if part in owner.model_fields else owner
        owner = next((inner for inner in get_args(owner) if hasattr(inner, "model_fields")), owner)
    known = sorted(getattr(owner, "model_fields", {}))
    near = get_close_matches(key, known, n=1, cutoff=0.5)
    wrong = _dotted(where, *location)
    return ConfigError(
        f"unknown key {wrong}; known there: {', '.join(known)}",
        hint=f"write {_dotted(where, *parents, near[0])}" if near else f"remove {wrong}",
    )


def _dotted(*parts: int | str) -> str:
    """Path of a key, as `--set` takes it."""
    return ".".join(str(part) for part in parts if part != "")


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
