import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.errors import DataError
from elimctl.manifest import parquet
from elimctl.prepare.build import build
from elimctl.prepare.export_csv import ExportOptions, export, folder_name


@given(names=st.sets(st.text(), min_size=2, max_size=2))
def test_the_folders_of_two_identities_differ(names: set[str]) -> None:
    first, second = (folder_name(name) for name in names)
    assert first != second


@given(name=st.text())
def test_a_folder_is_one_plain_name(name: str) -> None:
    found = folder_name(name)
    assert Path(found).name == found
    assert not found.startswith(".")
    assert len(found.encode()) < 255 or len(name) > 64


@pytest.mark.parametrize("name", ["001", "Actor_01", "30-39", "a.b"])
def test_a_plain_identity_stays_as_it_is(name: str) -> None:
    assert folder_name(name) == name


def test_elim_has_no_word_for_a_missing_label(make_plan, tmp_path: Path) -> None:
    list(build(make_plan(), tmp_path))
    table = parquet.read(tmp_path)
    place = table.schema.get_field_index("valence")
    empty = table.schema.field(place).type
    changed = table.set_column(place, table.schema.field(place), pa.nulls(table.num_rows, empty))
    parquet.write(tmp_path / parquet.NAME, changed, metadata=parquet.metadata(table))
    with pytest.raises(DataError, match=r"row 0 has no label"):
        list(export(tmp_path, io.StringIO(), ExportOptions(elim=True)))
    rows = sum(export(tmp_path, io.StringIO(), ExportOptions()))
    assert rows == table["status"].to_pylist().count("kept")


def test_rows_come_batch_by_batch(make_plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list(build(make_plan(), tmp_path))
    monkeypatch.setattr(parquet, "GROUP", 5)
    assert list(export(tmp_path, io.StringIO(), ExportOptions(dropped=True))) == [5, 5, 5, 5, 5, 3]
