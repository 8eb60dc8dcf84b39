"""Manifests for the tests of this room."""

from collections.abc import Callable

import pyarrow as pa
import pytest

from elimctl.manifest import columns


@pytest.fixture
def make_table() -> Callable[..., pa.Table]:
    """A function that makes a manifest from lists of some columns; the others are filled in."""

    def make(**given: list) -> pa.Table:
        count = len(next(iter(given.values())))
        filled = {
            "row": list(range(count)),
            "path": [f"01/001/{number:05d}.png" for number in range(count)],
            "identity": ["001"] * count,
            "clip": ["001"] * count,
            "frame": list(range(count)),
            "status": ["kept"] * count,
        }
        values = {name: [None] * count for name in columns.schema().names} | filled | given
        return pa.table(values, schema=columns.schema())

    return make
