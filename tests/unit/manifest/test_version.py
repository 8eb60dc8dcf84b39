from pathlib import Path

import pytest

from elimctl.errors import StoreError
from elimctl.manifest import version


def test_the_own_format_and_older_ones_are_read() -> None:
    version.check(version.FORMAT, Path("x"))
    version.check(version.FORMAT - 1, Path("x"))


def test_a_newer_format_names_both_versions_and_the_way_out() -> None:
    with pytest.raises(StoreError, match=rf"x has format 99.* up to {version.FORMAT}") as caught:
        version.check(99, Path("x"))
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize("found", [None, "1", {}])
def test_a_missing_format_is_not_ours(found: object) -> None:
    with pytest.raises(StoreError, match="not written by elimctl"):
        version.check(found, Path("x"))


@pytest.mark.parametrize("found", [None, "99", version.FORMAT - 1, version.FORMAT])
def test_what_is_damaged_or_not_newer_may_be_replaced(found: object) -> None:
    version.refuse_newer(found, Path("x"))


def test_what_is_newer_may_not_be_replaced() -> None:
    with pytest.raises(StoreError, match="x has format 99"):
        version.refuse_newer(99, Path("x"))
