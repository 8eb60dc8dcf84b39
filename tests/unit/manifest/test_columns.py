import tomllib
from pathlib import Path

import pytest
from pyarrow import parquet as pq

from elimctl import package_data
from elimctl.manifest import columns, parquet

# Arrow's own names of the types that columns.toml may use.
ARROW = {"list<float>": "list<element: float>"}


@pytest.fixture
def declared() -> dict:
    return tomllib.loads((package_data.folder("data_manifest") / "columns.toml").read_text(encoding="utf-8"))


def test_the_parquet_file_has_the_declared_columns(declared: dict, make_table, tmp_path: Path) -> None:
    parquet.write(tmp_path / "m.parquet", make_table(row=[0, 1]), metadata={})
    found = pq.read_schema(tmp_path / "m.parquet")
    assert found.names == list(declared)
    for name, column in declared.items():
        assert str(found.field(name).type).replace("item", "element") == ARROW.get(
            column["type"], column["type"]
        )
        assert found.field(name).nullable == column["nullable"]


def test_every_column_says_what_it_means(declared: dict) -> None:
    assert all(len(column["meaning"]) > 10 for column in declared.values())


def test_pixel_columns_declare_their_unit(declared: dict) -> None:
    pixels = {"width_px", "height_px", "x0", "y0", "x1", "y1", "points", "crop_points"}
    assert {name for name, column in declared.items() if column.get("unit") == "px"} == pixels


def test_labels_are_declared_in_minus_one_to_one() -> None:
    for name in ("valence", "arousal"):
        assert columns.columns()[name].range == (-1.0, 1.0)
