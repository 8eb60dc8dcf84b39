"""The numbers of the methods' reference, each group of which a test compares with."""

import json
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
GROUPS = [name for name in json.loads((TESTS / "vectors.json").read_text()) if not name.startswith("_")]


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_is_used_by_a_test(group):
    users = [file for file in (TESTS / "unit").rglob("*.py") if "vectors.json" in file.read_text()]
    assert [file.name for file in users if f'"{group}"' in file.read_text()]
