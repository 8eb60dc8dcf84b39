"""Configuration: frozen models, layered values, TOML in and out.

Values are merged in this order, the last one wins, and are validated once:
default of a field, recipe, command-line option, `--set`.
"""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from elimctl import atomic
from elimctl.errors import ConfigError, MissingError

Values = dict[str, Any]
KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "a text",
    "array": "a list",
    "object": "a table",
}
BOUNDS = {
    "minimum": "of at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "multipleOf": "a multiple of",
}


class Config(BaseModel):
    """Base of every configuration: frozen, refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnyConfig = TypeVar("AnyConfig", bound=Config)


def merge(*layers: Mapping[str, Any]) -> Values:
    """Merge nested values; later layers win, tables merge key by key, None changes nothing."""
    merged: Values = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, Mapping):
                below = merged.get(key)
                merged[key] = merge(below if isinstance(below, Mapping) else {}, value)
            elif value is not None:
                merged[key] = value
    return merged


def nested(dotted: Mapping[str, Any]) -> Values:
    """Nested values from values by dotted key.

    Example:
        >>> nested({"train.steps": 5, "train.seed": 1})
        {'train': {'steps': 5, 'seed': 1}}
    """
    values: Values = {}
    for key, value in dotted.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        values = merge(values, value)
    return values


def validate(model: type[AnyConfig], values: Mapping[str, Any], *, where: str = "") -> AnyConfig:
    """Build a configuration from merged values.

    Args:
        model: class of the configuration.
        values: nested values.
        where: name of their table, for messages (`method`); empty for a whole recipe.

    Raises:
        ConfigError: unknown key (the hint names the nearest known one) or invalid value (the hint names
            the allowed ones).
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
    location, value = first["loc"], first["input"]
    if first["type"] == "extra_forbidden":
        raise _unknown_key(model, location, where=where) from None
    problem = _lower(first["msg"].removeprefix("Value error, "))
    key = changed = _dotted(where, *location)
    if not isinstance(value, Mapping):
        problem += f", found {value!r}"
    if location and isinstance(location[-1], int):
        changed = f"each entry of {_dotted(where, *location[:-1])}"
    allowed = "" if first["type"] == "value_error" else _allowed(_schema(model, location))
    hint = f"set {changed} to {allowed}" if allowed else f"change {changed}"
    raise ConfigError(f"{key}: {problem}", hint=hint) from None


def parse_set(assignments: list[str]) -> Values:
    """Nested values from `key.path=value` assignments, as given to `--set`.

    Args:
        assignments: each `a.b=value`. The value is TOML (`0.05`, `[1, 2]`, `true`, `"x"`) or a bare word.

    Raises:
        ConfigError: an assignment has no `=` or no key.
    """
    values: Values = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not all(key.strip().split(".")):
            raise ConfigError(
                f"invalid --set {assignment!r}, expected KEY=VALUE",
                hint="write for example --set method.reg=0.05",
            )
        values = merge(values, nested({key.strip(): _toml_value(text.strip())}))
    return values


def read_toml(path: Path) -> Values:
    """Values of a TOML file.

    Raises:
        MissingError: the file does not exist.
        ConfigError: the file is not TOML; the message gives the line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise MissingError(f"file {path} does not exist", hint="check the path of the recipe") from None
    except IsADirectoryError:
        raise MissingError(f"{path} is a folder, expected a TOML file", hint="name a file in it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {_lower(str(error))}", hint="correct that line") from None


def write_toml(path: Path, values: Mapping[str, Any]) -> None:
    """Write values as TOML, atomically, without None values (TOML has no null)."""
    atomic.write_text(path, tomli_w.dumps(merge(values)))


def _unknown_key(model: type[Config], location: tuple[int | str, ...], *, where: str) -> ConfigError:
    """The error for a key that does not exist, with the nearest key that does."""
    *parents, key = location
    known = sorted(_schema(model, tuple(parents)).get("properties", {}))
    near = get_close_matches(str(key), known, n=1, cutoff=0.5)
    wrong = _dotted(where, *location)
    return ConfigError(
        f"unknown key {wrong}; known there: {', '.join(known)}",
        hint=f"write {_dotted(where, *parents, near[0])}" if near else f"remove {wrong}",
    )


def _schema(model: type[Config], location: tuple[int | str, ...]) -> Values:
    """JSON schema of a key; empty if the key is free."""
    whole = model.model_json_schema()

    def resolved(schema: Values) -> Values:
        if "anyOf" in schema:  # optional
            schema = next((entry for entry in schema["anyOf"] if entry.get("type") != "null"), {})
        name = schema.get("$ref", "").rpartition("/")[2]
        return whole["$defs"][name] if name else schema

    schema = whole
    for part in location:
        below = next(iter(schema.get("prefixItems", ())), schema.get("items"))
        below = below or schema.get("additionalProperties")
        below = schema.get("properties", {}).get(part, below)
        schema = resolved(below) if isinstance(below, dict) else {}
    return schema


def _allowed(schema: Values) -> str:
    """The values that a schema allows, in words; empty if it says nothing."""
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    bounds = [f"{words} {schema[name]:g}" for name, words in BOUNDS.items() if name in schema]
    kind = KINDS.get(schema.get("type", ""), "")
    return f"{kind} {' and '.join(bounds)}".strip() if kind else ""


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
