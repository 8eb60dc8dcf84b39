"""Read JSON and detect repeated names: Python's reader silently keeps the last value."""

import json
from typing import Any


class Disagreement:
    """Marks a name that has two different values."""

    def __repr__(self) -> str:
        return "two values"


DISAGREEMENT = Disagreement()


def loads(text: str) -> Any:
    """Read JSON.

    Args:
        text: of a file.

    Returns:
        The content, with `DISAGREEMENT` as the value of a name that occurs twice with different values.

    Raises:
        ValueError: the text is not valid JSON.
    """
    return json.loads(text, object_pairs_hook=_once)


def agreed(*values: Any) -> Any:
    """The common value, `DISAGREEMENT` if the values differ; NaN differs from NaN."""
    return values[0] if all(value == values[0] for value in values) else DISAGREEMENT


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found[name] = agreed(found[name], value) if name in found else value
    return found
