import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr as plain_zarr

from elimctl.errors import StoreError
from elimctl.store import zarr


@pytest.fixture
def folder(dataset: Path) -> Path:
    return dataset / zarr.NAME


def _change(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / "zarr.json"
    noted = json.loads(file.read_text())
    change(noted)
    file.write_text(json.dumps(noted))


def test_a_shard_of_dropped_rows_has_no_file(folder: Path) -> None:
    assert sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()) == [
        zarr.shard_name(0),
        zarr.shard_name(1),
        "zarr.json",
    ]


def test_the_shards_are_those_zarr_itself_writes(folder: Path, stored: np.ndarray, tmp_path: Path) -> None:
    array = plain_zarr.create_array(
        tmp_path / "whole",
        shape=stored.shape,
        dtype="u1",
        chunks=(1, 6, 6, 3),
        shards=(4, 6, 6, 3),
        compressors=None,
    )
    array[:] = stored
    for number in range(2):
        name = zarr.shard_name(number)
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_decoding_a_shard_gives_its_images(stored: np.ndarray, tmp_path: Path) -> None:
    file = tmp_path / "x.shard"
    for images in (stored[:3], np.zeros_like(stored[:3])):
        file.write_bytes(zarr.encode_shard(images, shard_images=4))
        np.testing.assert_array_equal(zarr.decode_shard(file, images.shape, shard_images=4), images)


def test_shards_are_copied_where_there_are_no_links(
    folder: Path, stored: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    shards = [tmp_path / f"{start}.shard" for start in (0, 4, 8)]
    copied = tmp_path / "copied"
    zarr.write(copied, stored.shape, shards, shard_images=4, attributes={})
    np.testing.assert_array_equal(zarr.open(copied).read(range(11)), stored)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_few_shards_stay_open(folder: Path, stored: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zarr, "OPEN_SHARDS", 1)
    before = _open_files()
    images = zarr.open(folder)
    for _ in range(20):
        np.testing.assert_array_equal(images.read([0, 4, 1, 5]), stored[[0, 4, 1, 5]])
    assert _open_files() <= before + 1


@pytest.mark.parametrize("cut", [1, 50, 200])
def test_a_truncated_shard_is_damaged(folder: Path, cut: int) -> None:
    shard = folder / zarr.shard_name(1)
    shard.write_bytes(shard.read_bytes()[:-cut])
    images = zarr.open(folder)
    images.read([0])
    with pytest.raises(StoreError, match=r"shard .*c/1/0/0/0 is damaged: it was cut short"):
        images.read([5])


@pytest.mark.parametrize("number", [0, 1])
def test_every_shard_is_checked(folder: Path, number: int) -> None:
    shard = folder / zarr.shard_name(number)
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(StoreError, match=rf"shard .*c/{number}/0/0/0 is damaged: it was cut short"):
        zarr.open(folder).check()


def test_a_check_leaves_no_shard_open(folder: Path) -> None:
    images = zarr.open(folder)
    before = _open_files()
    images.check()
    assert _open_files() == before


def test_a_shard_smaller_than_its_index_is_damaged(folder: Path) -> None:
    (folder / zarr.shard_name(0)).write_bytes(b"x" * 67)
    with pytest.raises(StoreError, match="67 bytes, wanted an index of 68 bytes"):
        zarr.open(folder).read([0])


def test_a_shard_cut_short_while_open_is_damaged(folder: Path) -> None:
    images = zarr.open(folder)
    images.read([4])
    os.truncate(folder / zarr.shard_name(1), 150)
    with pytest.raises(StoreError, match="it ends early"):
        images.read([5])


def test_a_missing_shard_is_damaged_and_not_zeros(folder: Path) -> None:
    (folder / zarr.shard_name(0)).unlink()
    with pytest.raises(StoreError, match=r"is damaged: No such file"):
        zarr.open(folder).read([0])


def test_a_shard_of_other_images_is_damaged(folder: Path) -> None:
    other = np.ones((4, 5, 5, 3), np.uint8)
    (folder / zarr.shard_name(0)).write_bytes(zarr.encode_shard(other, shard_images=4))
    with pytest.raises(StoreError, match="does not fit chunks of 108 bytes"):
        zarr.open(folder).read([0])


def test_a_newer_store_is_refused(folder: Path) -> None:
    _change(folder, lambda noted: noted["attributes"]["elimctl"].update(format=2))
    with pytest.raises(StoreError, match=r"format 2, written by a newer elimctl"):
        zarr.open(folder)


def test_a_foreign_array_is_refused(folder: Path) -> None:
    _change(folder, lambda noted: noted.update(attributes={}))
    with pytest.raises(StoreError, match="not written by elimctl"):
        zarr.open(folder)


def test_compressed_images_are_refused_by_name(folder: Path) -> None:
    _change(folder, lambda noted: noted["codecs"][0]["configuration"]["codecs"].append({"name": "zstd"}))
    with pytest.raises(StoreError, match="coded with bytes, zstd; wanted raw bytes"):
        zarr.open(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda noted: noted.update(data_type="float32"),
        lambda noted: noted["codecs"][0]["configuration"].update(index_location="start"),
        lambda noted: noted["codecs"][0]["configuration"].update(chunk_shape=[2, 6, 6, 3]),
        lambda noted: noted["chunk_grid"]["configuration"].update(chunk_shape=[4, 3, 6, 3]),
    ],
    ids=["type", "index at start", "two images a chunk", "half an image a shard"],
)
def test_another_layout_is_refused(folder: Path, change: Callable) -> None:
    _change(folder, change)
    with pytest.raises(StoreError, match="laid out as"):
        zarr.open(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda noted: noted.pop("shape"),
        lambda noted: noted.update(shape=[11]),
        lambda noted: noted.update(codecs=[{"name": "bytes"}]),
        lambda noted: noted.update(codecs=None),
    ],
)
def test_an_array_that_is_not_sharded_is_refused(folder: Path, change: Callable) -> None:
    _change(folder, change)
    with pytest.raises(StoreError, match="is no sharded zarr v3 array of images"):
        zarr.open(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_broken_metadata_is_damaged(folder: Path, content: bytes) -> None:
    (folder / "zarr.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"zarr.json is damaged"):
        zarr.open(folder)
