import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from elimctl.manifest import parquet
from elimctl.prepare import assemble, stream
from elimctl.prepare.build import build
from elimctl.prepare.verify import Damage, verify
from elimctl.store import features
from elimctl.store.images import open_images

COMBINATIONS = [(kind, codec) for kind in ("zarr", "hdf5") for codec in ("raw", "blosc", "jpeg")]
FACTS = {"content": "0" * 64}


@pytest.fixture
def prepared(make_plan, tmp_path: Path) -> Callable[..., Path]:
    """A function that prepares 28 rows, some of them dropped, and caches features of them."""

    def make(**settings: str) -> Path:
        folder = tmp_path / "data"
        list(build(make_plan(**settings), folder))
        features.write(folder, features.key(FACTS), [np.zeros((28, 3), "f4")], attributes={"facts": FACTS})
        return folder

    return make


def _damage(folder: Path) -> list[Damage]:
    return [damage for damage in verify(folder) if damage is not None]


def _flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def _flip_image(folder: Path, row: int) -> None:
    """Change a byte of one stored image, wherever it is."""
    [chunk] = open_images(folder).chunks([row])
    files = [open_images(folder).path, *open_images(folder).path.rglob("*")]
    [(file, place)] = [
        (file, file.read_bytes().find(chunk))
        for file in files
        if file.is_file() and chunk in file.read_bytes()
    ]
    _flip(file, place + len(chunk) // 2)


@pytest.mark.parametrize(("store", "codec"), COMBINATIONS)
def test_what_was_prepared_is_whole(prepared, store: str, codec: str) -> None:
    assert list(verify(prepared(store=store, codec=codec))) == [None] * 29  # 28 rows and a cache


@pytest.mark.parametrize(("store", "codec"), COMBINATIONS)
def test_each_damaged_row_is_named(prepared, store: str, codec: str) -> None:
    folder = prepared(store=store, codec=codec)
    for row in (0, 20):
        _flip_image(folder, row)
    found = _damage(folder)
    paths = parquet.read(folder)["path"].to_pylist()
    assert [(damage.row, damage.path) for damage in found] == [(row, paths[row]) for row in (0, 20)]


def test_every_row_of_a_shard_that_is_gone_is_named(prepared) -> None:
    folder = prepared()
    (folder / "images.zarr" / "c" / "4" / "0" / "0" / "0").unlink()
    status = parquet.read(folder)["status"].to_pylist()
    assert [damage.row for damage in _damage(folder)] == [
        row for row in range(20, 25) if status[row] == "kept"
    ]


def test_a_changed_manifest_is_named(prepared) -> None:
    folder = prepared()
    table = parquet.read(folder)
    metadata = parquet.metadata(table)
    valence = pa.array(np.zeros(28), pa.float32())
    place = table.schema.get_field_index("valence")
    parquet.write(
        folder / parquet.NAME, table.set_column(place, table.schema.field(place), valence), metadata=metadata
    )
    [damage] = _damage(folder)
    assert damage.path == parquet.NAME
    assert "prepare.json says" in damage.what


def test_images_that_belong_to_other_rows_are_named(prepared) -> None:
    folder = prepared()
    table = parquet.read(folder)
    kept = [row for row, status in enumerate(table["status"].to_pylist()) if status == "kept"]
    order = np.arange(28)
    order[kept[:2]] = kept[1], kept[0]
    column = table["image_sha256"].take(order)
    place = table.schema.get_field_index("image_sha256")
    changed = table.set_column(place, table.schema.field(place), column)
    parquet.write(folder / parquet.NAME, changed, metadata=parquet.metadata(table))
    assert [damage.row for damage in _damage(folder)] == [None, *kept[:2]]


@pytest.mark.parametrize("content", [None, b"", b"PAR1 no manifest"])
def test_an_unreadable_manifest_is_named(prepared, content: bytes | None) -> None:
    folder = prepared()
    (folder / parquet.NAME).unlink()
    if content is not None:
        (folder / parquet.NAME).write_bytes(content)
    assert [damage.row for damage in _damage(folder)] == [None, None]


@pytest.mark.parametrize("content", ["", "{}", "[]"])
def test_a_broken_record_is_named(prepared, content: str) -> None:
    folder = prepared()
    (folder / assemble.RECORD).write_text(content)
    [damage] = _damage(folder)
    assert damage.path == assemble.RECORD


def test_missing_images_are_named_once(prepared) -> None:
    folder = prepared()
    (folder / "images.zarr").rename(folder / "elsewhere")
    [damage] = _damage(folder)
    assert "no images.zarr or images.h5" in damage.what


def test_a_manifest_of_more_rows_than_images_is_damage(prepared) -> None:
    folder = prepared()
    table = parquet.read(folder)
    twice = pa.concat_tables([table, table])
    place = table.schema.get_field_index("row")
    rows = pa.array(range(56), pa.int64())
    parquet.write(
        folder / parquet.NAME,
        twice.set_column(place, table.schema.field(place), rows),
        metadata=parquet.metadata(table),
    )
    found = _damage(folder)
    assert found[-1].what == "28 images, the manifest has 56 rows"
    assert {damage.row for damage in found[1:-1]} <= set(range(28, 56))


@pytest.mark.parametrize("file", ["c/0/0", "zarr.json"])
def test_a_damaged_cache_is_named(prepared, file: str) -> None:
    folder = prepared()
    _flip(folder / "features" / f"{features.key(FACTS)}.zarr" / file, 3)
    [damage] = _damage(folder)
    assert damage.path == f"features/{features.key(FACTS)}.zarr"


def test_a_cache_under_another_key_is_named(prepared) -> None:
    folder = prepared()
    path = folder / "features" / f"{features.key(FACTS)}.zarr"
    path.rename(path.with_name(f"{'0' * 32}.zarr"))
    [damage] = _damage(folder)
    assert "not the key of its facts" in damage.what


def test_memory_does_not_grow_with_the_images(prepared) -> None:
    folder = prepared(size_px=256)  # 28 images of 0.2 MB
    list(verify(folder))  # what is loaded once
    tracemalloc.start()
    list(verify(folder))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e6


def test_batches_are_those_of_the_manifest(prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = prepared()
    monkeypatch.setattr(parquet, "GROUP", 5)
    found = list(stream.batches(folder, ["row", "identity"]))
    assert [batch.num_rows for batch in found] == [5, 5, 5, 5, 5, 3]
    assert pa.Table.from_batches(found).equals(parquet.read(folder).select(["row", "identity"]))
    assert stream.content(folder) == features.content(parquet.read(folder)["image_sha256"].to_pylist())
