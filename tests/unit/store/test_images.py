"""What holds for every store."""

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr as plain_zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elimctl.errors import StoreError
from elimctl.manifest import version
from elimctl.store import hdf5, zarr
from elimctl.store.images import Reader, open_images

OPENERS = {zarr.NAME: zarr.open, hdf5.NAME: hdf5.open}


@pytest.fixture(params=OPENERS)
def reader(request: pytest.FixtureRequest, dataset: Path) -> Reader:
    return OPENERS[request.param](dataset / request.param)


def _plain(dataset: Path, name: str) -> np.ndarray:
    if name == zarr.NAME:
        return plain_zarr.open_array(dataset / name, mode="r")[:]
    with h5py.File(dataset / name) as file:
        return file["images"][:]


@pytest.mark.parametrize("name", OPENERS)
def test_the_formats_own_library_reads_the_same(dataset: Path, stored: np.ndarray, name: str) -> None:
    np.testing.assert_array_equal(_plain(dataset, name), stored)
    np.testing.assert_array_equal(OPENERS[name](dataset / name).read(range(len(stored))), stored)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(indices=st.lists(st.integers(0, 10), max_size=20))
def test_images_come_in_the_order_asked_for(reader: Reader, stored: np.ndarray, indices: list[int]) -> None:
    read = reader.read(indices)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, stored[np.array(indices, dtype=int)])


def test_shape_and_attributes_are_those_written(reader: Reader, stored: np.ndarray) -> None:
    assert tuple(reader.shape) == stored.shape
    assert reader.attributes["crop"] == {"size_px": 6}
    assert reader.attributes["format"] == version.FORMAT


def test_what_was_written_passes_the_check(reader: Reader) -> None:
    reader.check()


@pytest.mark.parametrize("index", [-1, 11])
def test_an_index_outside_is_refused(reader: Reader, index: int) -> None:
    with pytest.raises(IndexError, match="of a store of 11"):
        reader.read([0, index])


def test_a_reader_can_be_sent_to_another_process(reader: Reader, stored: np.ndarray) -> None:
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(reader)).read([4]), stored[[4]])


def test_threads_may_share_a_reader(
    reader: Reader, stored: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zarr, "OPEN_SHARDS", 1)  # every read closes a shard another thread may be reading
    orders = [np.random.default_rng(seed).integers(0, 11, 200) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for order, read in zip(orders, pool.map(reader.read, orders), strict=True):
            np.testing.assert_array_equal(read, stored[order])


def test_the_store_that_exists_is_opened(dataset: Path, stored: np.ndarray) -> None:
    assert isinstance(open_images(dataset), zarr.Images)
    (dataset / zarr.NAME).rename(dataset / "elsewhere")
    assert isinstance(open_images(dataset), hdf5.Images)
    (dataset / hdf5.NAME).unlink()
    with pytest.raises(StoreError, match=r"no images.zarr or images.h5 in") as caught:
        open_images(dataset)
    assert "prepare" in caught.value.hint


@pytest.mark.parametrize(("name", "opener"), OPENERS.items())
def test_a_missing_store_hints_at_prepare(tmp_path: Path, name: str, opener: Callable) -> None:
    with pytest.raises(StoreError, match=f"{name}") as caught:
        opener(tmp_path / name)
    assert "prepare" in caught.value.hint


def test_equal_images_give_equal_bytes(dataset: Path, stored: np.ndarray, tmp_path: Path) -> None:
    again = tmp_path / "again.h5"
    hdf5.write(again, stored.shape, [stored], attributes={"crop": {"size_px": 6}})
    assert again.read_bytes() == (dataset / hdf5.NAME).read_bytes()
    shards = [zarr.encode_shard(stored[:4], shard_images=4) for _ in range(2)]
    assert shards[0] == shards[1] == (dataset / zarr.NAME / zarr.shard_name(0)).read_bytes()
