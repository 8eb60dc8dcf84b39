"""JSON files in which a name may be given twice: Python's own reader keeps the last value without a word."""

import json
from typing import Any


class Disagreement:
    """Stands for a value that is given twice, differently."""

    def __repr__(self) -> str:
        return "two values"


DISAGREEMENT = Disagreement()


def loads(text: str) -> Any:
    """Read JSON.

    Args:
        text: of a file.

    Returns:
        Its content; `DISAGREEMENT` as the value of a name that one object has twice with different values.

    Raises:
        ValueError: it is no JSON.
    """
    return json.loads(text, object_pairs_hook=_once)


def agreed(*values: Any) -> Any:
    """The value that all are equal to, `DISAGREEMENT` where they differ; of NaN each is another."""
    return values[0] if all(value == values[0] for value in values) else DISAGREEMENT


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found[name] = agreed(found[name], value) if name in found else value
    return found
