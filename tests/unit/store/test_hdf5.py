import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from elimctl.errors import StoreError
from elimctl.store import hdf5


@pytest.fixture
def file(dataset: Path) -> Path:
    return dataset / hdf5.NAME


def test_dropped_rows_take_no_space(file: Path) -> None:
    with h5py.File(file) as opened:
        assert opened["images"].id.get_num_chunks() == 7


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_truncated_file_is_damaged(file: Path, keep: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    with pytest.raises(StoreError, match=r"images.h5 is damaged"):
        hdf5.open(file)


def test_a_newer_file_is_refused(file: Path) -> None:
    with h5py.File(file, "a") as opened:
        opened.attrs["elimctl"] = json.dumps({"format": 2})
    with pytest.raises(StoreError, match="format 2, written by a newer elimctl"):
        hdf5.open(file)


@pytest.mark.parametrize("noted", ["[]", "{}", "no json"])
def test_a_foreign_file_is_refused(file: Path, noted: str) -> None:
    with h5py.File(file, "a") as opened:
        opened.attrs["elimctl"] = noted
    with pytest.raises(StoreError):
        hdf5.open(file)


def _rewrite(file: Path, **options: object) -> None:
    with h5py.File(file, "a") as opened:
        images = opened["images"][:]
        del opened["images"]
        opened.create_dataset("images", data=images, **options)


@pytest.mark.parametrize(
    "options",
    [{"chunks": (1, 6, 6, 3), "compression": "gzip"}, {"chunks": (2, 6, 6, 3)}, {}],
    ids=["compressed", "two images a chunk", "contiguous"],
)
def test_another_layout_is_refused(file: Path, options: dict) -> None:
    _rewrite(file, **options)
    with pytest.raises(StoreError, match="wanted one raw image a chunk"):
        hdf5.open(file)


def test_a_file_without_images_is_damaged(file: Path) -> None:
    with h5py.File(file, "a") as opened:
        del opened["images"]
        opened["images"] = np.zeros(3)
    with pytest.raises(StoreError, match="no uint8 dataset 'images' of 4 dimensions"):
        hdf5.open(file)


def test_a_damaged_index_fails_the_check(file: Path) -> None:
    with h5py.File(file) as opened:
        last = opened["images"].id.get_chunk_info(6).byte_offset
    content = file.read_bytes()
    damaged = content.replace(last.to_bytes(8, "little"), (2**40).to_bytes(8, "little"))
    assert damaged != content
    file.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"images.h5 is damaged"):
        hdf5.open(file).check()


def test_an_unreadable_index_fails_the_check(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content.replace(b"TREE\x01", b"XXXX\x01"))  # the B-tree of the chunks
    with pytest.raises(StoreError, match=r"images.h5 is damaged"):
        hdf5.open(file).check()
