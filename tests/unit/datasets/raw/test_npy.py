import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from elimctl.datasets.raw.npy import read_npy


def _content(array: Any, *, version: tuple[int, int] | None = None) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), version=version, allow_pickle=True)
    return stream.getvalue()


def _write(folder: Path, content: bytes) -> str:
    (folder / "x.npy").write_bytes(content)
    return str(folder / "x.npy")


@given(
    arrays.arrays(
        dtype=st.one_of(arrays.floating_dtypes(), arrays.integer_dtypes(), arrays.unicode_string_dtypes()),
        shape=arrays.array_shapes(min_dims=0, max_dims=3, max_side=4),
    ),
    st.booleans(),
)
def test_values_agree_with_numpy_load(tmp_path_factory: Any, array: np.ndarray, by_columns: bool) -> None:
    array = np.asfortranarray(array) if by_columns else array
    file = _write(tmp_path_factory.getbasetemp(), _content(array))
    np.testing.assert_array_equal(read_npy(file, size=array.size), np.load(file).ravel())


@given(st.integers(0, 200), st.binary(max_size=40))
def test_damage_anywhere_is_a_value_error_or_another_value(
    tmp_path_factory: Any, place: int, damage: bytes
) -> None:
    content = _content(np.array("0.5"))
    file = _write(tmp_path_factory.getbasetemp(), content[:place] + damage + content[place + len(damage) :])
    with suppress(ValueError):
        assert read_npy(file, size=1).shape == (1,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"<html>", "not a .npy file: it starts with b'<html>'"),
        (b"PK\3\4" + b"0" * 100, "not a .npy file"),
        (_content(np.array(0.5, dtype=object)), "it holds Python objects"),
        (_content(np.zeros(2)), r"it has the shape \(2,\), expected 1 value$"),
        (_content(0.5)[:-1], "the file ends early"),
        (_content(0.5)[:40], "its header cannot be read"),
        (_content(0.5, version=(2, 0)), r"it has version \(2, 0\) of the format, expected \(1, 0\)"),
        (_content(np.zeros(0)).replace(b"(0,)", b"(1,)"), "the file ends early"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_npy(_write(tmp_path, content), size=1)


def test_a_header_that_promises_too_much_takes_no_memory(tmp_path: Path) -> None:
    content = _content(np.zeros(1)).replace(b"(1,), ", b"(9999999999999,), ")
    with pytest.raises(ValueError, match="it has the shape"):
        read_npy(_write(tmp_path, content), size=1)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_npy(str(tmp_path / "x.npy"), size=1)
