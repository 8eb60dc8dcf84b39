import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from elimctl.errors import StoreError
from elimctl.manifest import columns, parquet


def test_what_was_written_is_read(make_table, tmp_path: Path) -> None:
    table = make_table(valence=[0.5, None, -1.0], points=[[1.0] * 10, None, [0.0] * 10])
    path = tmp_path / parquet.NAME
    parquet.write(path, table, metadata={"dataset": "afew-va"})
    for place in (path, tmp_path):
        read = parquet.read(place)
        assert read.equals(table)
        assert parquet.metadata(read) == {"dataset": "afew-va", "format": parquet.FORMAT}


def test_same_rows_give_same_bytes(make_table, tmp_path: Path) -> None:
    for name in ("a", "b"):
        parquet.write(tmp_path / name, make_table(valence=[0.5] * 1000), metadata={"x": 1, "y": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@settings(max_examples=15)  # each writes two files to the disk
@given(st.lists(st.integers(0, 40), max_size=8), st.integers(1, 30))
def test_the_bytes_do_not_depend_on_how_the_rows_are_parted(sizes: list[int], group: int) -> None:
    table = _table(sum(sizes))
    ends = np.cumsum(sizes, dtype=int).tolist()
    parts = [table.slice(end - size, size) for end, size in zip(ends, sizes, strict=True)]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "GROUP", group)
        parquet.write_parts(Path(folder) / "parts", parts, metadata={"x": 1})
        parquet.write(Path(folder) / "whole", table, metadata={"x": 1})
        assert (Path(folder) / "parts").read_bytes() == (Path(folder) / "whole").read_bytes()
        assert parquet.read(Path(folder) / "parts").equals(table)
        with pq.ParquetFile(Path(folder) / "parts") as file:
            rows = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        assert rows == [group] * (len(table) // group) + [len(table) % group] * (len(table) % group > 0)


def _table(count: int) -> pa.Table:
    """A manifest with all kinds of columns, of which some have no values here and there."""
    values = {
        "row": list(range(count)),
        "path": [f"{number % 7}.png" for number in range(count)],
        "identity": [str(number % 3) for number in range(count)],
        "clip": [str(number % 5) for number in range(count)],
        "frame": list(range(count)),
        "status": ["dropped" if number % 4 == 0 else "kept" for number in range(count)],
        "reason": ["no label" if number % 4 == 0 else None for number in range(count)],
        "valence": [None if number % 3 == 0 else number / 500 for number in range(count)],
        "points": [None if number % 4 == 0 else [float(number)] * 10 for number in range(count)],
    }
    filled = {name: values.get(name, [None] * count) for name in columns.schema().names}
    return pa.table(filled, schema=columns.schema())


def test_parts_are_written_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP", 10)
    sizes = []

    def parts():
        for _ in range(200):
            [written] = tmp_path.iterdir()
            sizes.append(written.stat().st_size)
            yield _table(10)

    parquet.write_parts(tmp_path / "m", parts(), metadata={})
    assert sizes[100] > sizes[0]  # half of it is written though half of it is not made yet


def test_a_manifest_whose_rows_cannot_be_made_leaves_the_one_before(tmp_path: Path) -> None:
    parquet.write(tmp_path / "m", _table(3), metadata={})
    before = (tmp_path / "m").read_bytes()

    def parts():
        yield _table(3)
        raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        parquet.write_parts(tmp_path / "m", parts(), metadata={})
    assert [file.name for file in tmp_path.iterdir()] == ["m"]
    assert (tmp_path / "m").read_bytes() == before


def test_any_parquet_reader_opens_it(make_table, tmp_path: Path) -> None:
    parquet.write(tmp_path / "m", make_table(arousal=[0.25]), metadata={})
    assert pq.read_table(tmp_path / "m")["arousal"].to_pylist() == [0.25]


def test_a_newer_version_is_refused_even_with_other_columns(tmp_path: Path) -> None:
    table = pa.table({"new": [1]}).replace_schema_metadata({"elimctl": json.dumps({"format": 7})})
    pq.write_table(table, tmp_path / "m")
    with pytest.raises(StoreError, match="format 7, written by a newer elimctl"):
        parquet.read(tmp_path / "m")


def test_a_missing_manifest_hints_at_prepare(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no manifest") as caught:
        parquet.read(tmp_path / "m")
    assert "prepare" in caught.value.hint


@pytest.mark.parametrize("keep", [0, 3, 100, -1])
def test_a_truncated_manifest_is_damaged(make_table, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "m"
    parquet.write(path, make_table(row=[0, 1]), metadata={})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StoreError, match="is damaged"):
        parquet.read(path)


@pytest.mark.parametrize("noted", [None, b"no json", b"[]", b"{}"])
def test_a_foreign_parquet_file_is_no_manifest(tmp_path: Path, noted: bytes | None) -> None:
    table = pa.table({"x": [1]}).replace_schema_metadata(None if noted is None else {"elimctl": noted})
    pq.write_table(table, tmp_path / "m")
    with pytest.raises(StoreError, match="not written by elimctl"):
        parquet.read(tmp_path / "m")


def test_the_format_is_told_of_any_manifest_and_of_nothing_else(make_table, tmp_path: Path) -> None:
    parquet.write(tmp_path / "m", make_table(row=[0, 1]), metadata={})
    assert parquet.noted_format(tmp_path / "m") == parquet.FORMAT
    table = pa.table({"new": [1]}).replace_schema_metadata({"elimctl": json.dumps({"format": 7})})
    pq.write_table(table, tmp_path / "newer")
    assert parquet.noted_format(tmp_path / "newer") == 7
    (tmp_path / "m").write_bytes((tmp_path / "m").read_bytes()[:-1])
    assert parquet.noted_format(tmp_path / "m") is None
    assert parquet.noted_format(tmp_path / "missing") is None


def test_other_columns_are_named(tmp_path: Path) -> None:
    noted = json.dumps({"format": parquet.FORMAT})
    pq.write_table(pa.table({"x": [1]}).replace_schema_metadata({"elimctl": noted}), tmp_path / "m")
    with pytest.raises(StoreError, match="has the columns x; wanted row, path"):
        parquet.read(tmp_path / "m")


def test_the_digest_is_the_sha256_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert parquet.digest(tmp_path / "f") == hashlib.sha256(b"abc").hexdigest()


def test_the_own_format_and_older_ones_are_read() -> None:
    parquet.check(parquet.FORMAT, Path("x"))
    parquet.check(parquet.FORMAT - 1, Path("x"))


def test_a_newer_format_names_both_versions_and_the_way_out() -> None:
    with pytest.raises(StoreError, match=rf"x has format 99.* up to {parquet.FORMAT}") as caught:
        parquet.check(99, Path("x"))
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize("found", [None, "1", {}])
def test_a_missing_format_is_not_ours(found: object) -> None:
    with pytest.raises(StoreError, match="not written by elimctl"):
        parquet.check(found, Path("x"))


@pytest.mark.parametrize("found", [None, "99", parquet.FORMAT - 1, parquet.FORMAT])
def test_what_is_damaged_or_not_newer_may_be_replaced(found: object) -> None:
    parquet.refuse_newer(found, Path("x"))


def test_what_is_newer_may_not_be_replaced() -> None:
    with pytest.raises(StoreError, match="x has format 99"):
        parquet.refuse_newer(99, Path("x"))
