import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr as plain_zarr
from zarr.codecs import BloscCodec

from elimctl.errors import StoreError
from elimctl.manifest import parquet
from elimctl.store import images, zarr
from elimctl.store.images import open_images


@pytest.fixture
def folder(make) -> Path:
    return make("zarr", "raw") / zarr.NAME


@pytest.fixture
def flat(make) -> Path:
    return make("zarr", "jpeg") / zarr.NAME


def _change(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / "zarr.json"
    noted = json.loads(file.read_text())
    change(noted)
    file.write_text(json.dumps(noted))


def _below(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_a_shard_of_dropped_rows_has_no_file(folder: Path) -> None:
    assert _below(folder) == [zarr.shard_name(0), zarr.shard_name(1), "zarr.json"]


@pytest.mark.parametrize("codec", ["raw", "blosc"])
def test_the_shards_are_those_zarr_itself_writes(
    make, codec: str, stored: np.ndarray, tmp_path: Path
) -> None:
    folder = make("zarr", codec) / zarr.NAME
    array = plain_zarr.create_array(
        tmp_path / "whole",
        shape=stored.shape,
        dtype="u1",
        chunks=(1, 16, 16, 3),
        shards=(4, 16, 16, 3),
        compressors=plain_zarr.open_array(folder, mode="r").compressors or None,
    )
    array[:] = stored
    name = zarr.shard_name(0)  # the other shard has a black image, which zarr takes for one not written
    assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_shards_are_links_to_the_units(folder: Path) -> None:
    assert (folder / zarr.shard_name(0)).stat().st_nlink == 2


def test_shards_are_copied_where_there_are_no_links(
    make, stored: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    dataset = make("zarr", "raw")
    assert (dataset / zarr.NAME / zarr.shard_name(0)).stat().st_nlink == 1
    np.testing.assert_array_equal(open_images(dataset).read(range(11)), stored)


def test_few_files_are_held_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zarr, "MOST_OPEN", 1)
    reader = open_images(folder.parent)
    before = _open_files()
    reader.read([0, 4, 0, 4])
    assert _open_files() - before == 1


def test_looking_at_shards_holds_a_quarter_of_the_files_a_process_may_have(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zarr.resource, "getrlimit", lambda _: (8, 8))
    reader = open_images(folder.parent)
    before = _open_files()
    for number in (0, 4, 0, 4):
        next(reader.views([number]))
    assert _open_files() - before == 2


@pytest.mark.parametrize(
    ("limit", "shards"),
    [(1024, 128), (1, 1), (2**20, zarr.MOST_OPEN), (resource.RLIM_INFINITY, zarr.MOST_OPEN)],
)
def test_shards_are_held_open_as_the_limit_of_files_allows(
    monkeypatch: pytest.MonkeyPatch, limit: int, shards: int
) -> None:
    monkeypatch.setattr(zarr.resource, "getrlimit", lambda _: (limit, limit))
    assert zarr.open_shards() == shards


def test_a_check_leaves_no_shard_open(folder: Path) -> None:
    reader = open_images(folder.parent)
    before = _open_files()
    reader.check()
    assert _open_files() == before


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("cut", [1, 50, 200])
def test_a_truncated_shard_damages_only_its_images(folder: Path, cut: int) -> None:
    shard = folder / zarr.shard_name(1)
    shard.write_bytes(shard.read_bytes()[:-cut])
    reader = open_images(folder.parent)
    reader.read([0])
    with pytest.raises(StoreError, match=r"c/1/0/0/0 is damaged: it was cut short"):
        reader.read([5])


def test_a_shard_smaller_than_its_index_is_damaged(folder: Path) -> None:
    (folder / zarr.shard_name(0)).write_bytes(b"x" * 67)
    with pytest.raises(StoreError, match="67 bytes, wanted an index of 68 bytes"):
        open_images(folder.parent).read([0])


def test_a_shard_cut_short_while_open_is_damaged(folder: Path) -> None:
    reader = open_images(folder.parent)
    reader.read([4])
    next(reader.views([4]))
    os.truncate(folder / zarr.shard_name(1), 1000)
    with pytest.raises(StoreError, match="it ends early"):
        reader.read([5])
    with pytest.raises(StoreError, match="it ends early"):
        next(reader.views([5]))


def test_a_missing_shard_is_damaged_and_not_zeros(folder: Path) -> None:
    (folder / zarr.shard_name(0)).unlink()
    with pytest.raises(StoreError, match=r"is damaged: No such file"):
        open_images(folder.parent).read([0])


def test_a_shard_of_other_images_is_damaged(folder: Path) -> None:
    other = images.encode_unit(np.ones((4, 5, 5, 3), np.uint8), np.ones(4, bool), codec="raw", shard_images=4)
    (folder / zarr.shard_name(0)).write_bytes(other.content)
    with pytest.raises(StoreError, match="does not fit chunks of 768 bytes"):
        open_images(folder.parent).read([0])


def test_a_newer_store_is_refused(folder: Path) -> None:
    _change(folder, lambda noted: noted["attributes"]["elimctl"].update(format=parquet.FORMAT + 1))
    with pytest.raises(StoreError, match=r"written by a newer elimctl"):
        open_images(folder.parent)


@pytest.mark.parametrize("attributes", [{}, {"elimctl": 3}, None])
def test_a_foreign_array_is_refused(folder: Path, attributes: object) -> None:
    _change(folder, lambda noted: noted.update(attributes=attributes))
    with pytest.raises(StoreError, match="not written by elimctl"):
        open_images(folder.parent)


@pytest.mark.parametrize(
    "change", [{"shape": [11]}, {"shape": [0, 16, 16, 3]}, {"codec": "png"}, {"shard_images": None}]
)
def test_notes_that_make_no_sense_are_refused(folder: Path, change: dict) -> None:
    _change(folder, lambda noted: noted["attributes"]["elimctl"].update(change))
    with pytest.raises(StoreError, match="wanted \\(N, S, S, 3\\), one of raw, blosc, jpeg"):
        open_images(folder.parent)


def _codecs(noted: dict) -> list:
    return noted["codecs"][0]["configuration"]["codecs"]


@pytest.mark.parametrize(
    "change",
    [
        lambda noted: _codecs(noted).append({"name": "zstd"}),
        lambda noted: noted.update(data_type="float32"),
        lambda noted: noted.update(shape=[12, 16, 16, 3]),
        lambda noted: noted["codecs"][0]["configuration"].update(index_location="start"),
        lambda noted: noted["codecs"][0]["configuration"].update(chunk_shape=[2, 16, 16, 3]),
        lambda noted: noted["chunk_grid"]["configuration"].update(chunk_shape=[4, 3, 16, 3]),
        lambda noted: noted.update(codecs=[{"name": "bytes"}]),
    ],
    ids=["zstd", "type", "12", "index at start", "two images a chunk", "half an image a shard", "no shards"],
)
def test_another_layout_is_refused(folder: Path, change: Callable) -> None:
    _change(folder, change)
    with pytest.raises(StoreError, match="laid out as"):
        open_images(folder.parent)


@pytest.mark.parametrize("change", [{"chunk_grid": None}, {"codecs": None}, {"codecs": []}, {"shape": 3}])
def test_metadata_of_no_array_is_refused(folder: Path, change: dict) -> None:
    _change(folder, lambda noted: noted.update(change))
    with pytest.raises(StoreError, match="is not a zarr v3 array"):
        open_images(folder.parent)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_broken_metadata_is_damaged(folder: Path, content: bytes) -> None:
    (folder / "zarr.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"zarr.json is damaged"):
        open_images(folder.parent)


def test_blosc_is_declared_with_the_settings_that_made_the_chunks(make) -> None:
    [codec] = plain_zarr.open_array(make("zarr", "blosc") / zarr.NAME, mode="r").compressors
    assert isinstance(codec, BloscCodec)
    assert (codec.cname.value, codec.clevel, codec.shuffle.value) == ("zstd", 3, "noshuffle")


def test_flat_bytes_are_read_in_blocks_by_zarr_itself(flat: Path) -> None:
    """So that a plain reader of one image does not read the file of all of them."""
    opened = plain_zarr.open(flat, mode="r")
    assert opened["bytes"].chunks == (2**20,)
    assert len(_below(flat / "bytes")) == 2  # one shard, and zarr.json


def _set_offset(flat: Path, number: int, value: int) -> None:
    file = flat / "offsets" / "c" / "0"
    offsets = np.frombuffer(file.read_bytes(), "<i8").copy()
    offsets[number] = value
    file.write_bytes(offsets.tobytes())


@pytest.mark.parametrize("number", [0, 5, 11])
@pytest.mark.parametrize("value", [-1, 2**40])
def test_offsets_that_do_not_ascend_are_damaged(flat: Path, number: int, value: int) -> None:
    _set_offset(flat, number, value)
    reader = open_images(flat.parent)
    with pytest.raises(StoreError, match="is damaged: its offsets"):
        reader.check()
    with pytest.raises(StoreError, match=r"is damaged: image \d+ from"):
        reader.read([max(0, number - 1), min(number, 10)])


def test_bytes_that_are_no_jpeg_file_are_damaged(flat: Path) -> None:
    file = flat / "bytes" / "c" / "0"
    content = bytearray(file.read_bytes())
    content[:16] = bytes(16)
    file.write_bytes(content)
    reader = open_images(flat.parent)
    for ask in (reader.read, reader.views):
        with pytest.raises(StoreError, match="image 0: no JPEG file"):
            list(ask([0]))
    reader.read([1])


def test_an_index_that_only_other_readers_need_is_checked(flat: Path) -> None:
    file = flat / "bytes" / "c" / "0"
    content = bytearray(file.read_bytes())
    content[-10] ^= 1
    file.write_bytes(content)
    with pytest.raises(StoreError, match="its index was changed"):
        open_images(flat.parent)


@pytest.mark.parametrize("name", ["bytes", "offsets"])
def test_a_group_without_one_of_its_arrays_is_refused(flat: Path, name: str) -> None:
    (flat / name / "zarr.json").unlink()
    with pytest.raises(StoreError, match=f"no zarr array .*{name}"):
        open_images(flat.parent)
