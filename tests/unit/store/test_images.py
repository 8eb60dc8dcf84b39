"""What holds for every store, however its images are coded."""

import gc
import hashlib
import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - gives h5py the filter of blosc
import numpy as np
import pytest
import zarr as plain_zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from elimctl.errors import StoreError
from elimctl.manifest import parquet
from elimctl.store import images, zarr
from elimctl.store.images import Images, Reader, open_images

# JPEG of quality 95 and 4:4:4 on smooth 8-bit images: steps of quantisation of 2 to 10, over 64 coefficients
JPEG_ERROR = 12


def _plain(dataset: Path, kind: str, codec: str) -> dict[str, np.ndarray]:
    """What the format's own library reads: the images, or the bytes and the offsets."""
    names = ("bytes", "offsets") if codec == "jpeg" else ("images",)
    if kind == "hdf5":
        with h5py.File(dataset / "images.h5") as file:
            return {name: file[name][:] for name in names}
    opened = plain_zarr.open(dataset / "images.zarr", mode="r")
    return {name: opened[name][:] if codec == "jpeg" else opened[:] for name in names}


def _decode(flat: dict[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Images of flat JPEG bytes, by Pillow."""
    found = np.zeros(shape, np.uint8)
    for number, (start, end) in enumerate(zip(flat["offsets"][:-1], flat["offsets"][1:], strict=True)):
        if start < end:
            found[number] = Image.open(BytesIO(flat["bytes"][start:end].tobytes())).convert("RGB")
    return found


@pytest.fixture
def reader(dataset: Path) -> Images:
    return open_images(dataset)


def test_the_formats_own_library_reads_the_same(
    dataset: Path, made: tuple[str, str], stored: np.ndarray
) -> None:
    plain = _plain(dataset, *made)
    read = open_images(dataset).read(range(len(stored)))
    if made[1] == "jpeg":
        np.testing.assert_array_equal(_decode(plain, stored.shape), read)
        assert np.abs(read.astype(int) - stored).max() <= JPEG_ERROR
    else:
        np.testing.assert_array_equal(plain["images"], stored)
        np.testing.assert_array_equal(read, stored)


def test_jpeg_files_keep_colour_at_full_resolution(make) -> None:
    flat = _plain(make("hdf5", "jpeg"), "hdf5", "jpeg")
    first = Image.open(BytesIO(flat["bytes"][: flat["offsets"][1]].tobytes()))
    assert {(h, v) for _, h, v, _ in first.layer} == {(1, 1)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(indices=st.lists(st.integers(0, 10), max_size=20))
def test_images_come_in_the_order_asked_for(reader: Images, indices: list[int]) -> None:
    read = reader.read(indices)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, reader.read(range(11))[np.array(indices, dtype=int)])


def test_the_reader_tells_what_was_written(reader: Images, made: tuple[str, str]) -> None:
    assert isinstance(reader, Reader)
    assert (reader.kind, reader.codec) == made
    assert reader.shape == (11, 16, 16, 3)
    assert reader.shard_images == 4
    assert reader.attributes["crop"] == {"size_px": 16}
    assert reader.attributes["format"] == parquet.FORMAT
    assert ("jpeg" in reader.attributes) == (made[1] == "jpeg")


def test_what_was_written_passes_the_check(reader: Images) -> None:
    reader.check()


def test_digests_are_of_pixels_or_of_jpeg_files(
    reader: Images, made: tuple[str, str], dataset: Path, stored: np.ndarray, kept: np.ndarray
) -> None:
    if made[1] == "jpeg":
        flat = _plain(dataset, *made)
        contents = np.split(flat["bytes"], flat["offsets"][1:-1])
    else:
        contents = list(stored)
    wanted = [hashlib.sha256(content.tobytes()).hexdigest() for content in contents]
    known = [digest if keep else None for digest, keep in zip(wanted, kept, strict=True)]
    assert reader.digests(range(11)) == known
    encoded = images.encode_unit(stored[:4], kept[:4], codec=made[1], shard_images=4)
    assert encoded.sha256 == known[:4]


def test_a_black_image_that_is_kept_is_stored(reader: Images) -> None:
    assert reader.digests([5])[0] is not None
    assert not reader.read([5]).any()


@pytest.mark.parametrize("announced", [0, 1, 3, 64])
def test_views_are_what_is_read_however_far_they_are_announced(
    reader: Images, monkeypatch: pytest.MonkeyPatch, announced: int
) -> None:
    monkeypatch.setattr(images, "ANNOUNCED", announced)
    order = [10, 0, 2, 5, 5, 1, 4, 8, 7]
    views = list(reader.views(order))
    np.testing.assert_array_equal(np.stack(views), reader.read(order))


def test_views_outlive_their_reader(dataset: Path) -> None:
    views = list(open_images(dataset).views(range(11)))
    gc.collect()
    np.testing.assert_array_equal(np.stack(views), open_images(dataset).read(range(11)))


def test_raw_images_are_looked_at_in_the_file_and_cannot_be_changed(make) -> None:
    for kind in ("zarr", "hdf5"):
        first, again = open_images(make(kind, "raw")).views([4, 4])
        assert np.shares_memory(first, again)
        assert not first.flags.writeable


def test_no_view_is_no_image(reader: Images) -> None:
    assert list(reader.views([])) == []


@pytest.mark.parametrize("index", [-1, 11])
def test_an_index_outside_is_refused(reader: Images, index: int) -> None:
    for ask in (reader.read, reader.views, reader.digests):
        with pytest.raises(IndexError, match="of a store of 11"):
            ask([0, index])


def test_a_reader_can_be_sent_to_another_process(reader: Images) -> None:
    sent = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(sent.read([4]), reader.read([4]))


def test_threads_may_share_a_reader(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zarr, "MOST_OPEN", 1)  # every read closes a shard another thread may be reading
    reader = open_images(dataset)
    stored = reader.read(range(11))
    orders = [np.random.default_rng(seed).integers(0, 11, 100) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for order, read in zip(orders, pool.map(reader.read, orders), strict=True):
            np.testing.assert_array_equal(read, stored[order])
        for order, views in zip(orders, pool.map(reader.views, orders), strict=True):
            np.testing.assert_array_equal(np.stack(list(views)), stored[order])


def test_the_store_that_exists_is_opened(make, tmp_path: Path) -> None:
    assert open_images(make("zarr", "raw")).kind == "zarr"
    assert open_images(make("hdf5", "raw")).kind == "hdf5"
    with pytest.raises(StoreError, match=r"no images.zarr or images.h5 in") as caught:
        open_images(tmp_path)
    assert "prepare" in caught.value.hint


def _files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_equal_images_give_equal_bytes(dataset: Path, made: tuple[str, str], make, tmp_path: Path) -> None:
    assert _files(make(*made, tmp_path / "again")) == _files(dataset)


def _contents(dataset: Path) -> list[Path]:
    """Files of a store that hold images."""
    return [file for file in dataset.rglob("*") if file.is_file() and file.name != "zarr.json"]


def test_a_truncated_file_is_damaged(dataset: Path) -> None:
    for file in _contents(dataset):
        whole = file.read_bytes()
        for length in (0, 10, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:length])
            with pytest.raises(StoreError, match="is damaged"):
                open_images(dataset).check()
        file.write_bytes(whole)
    open_images(dataset).check()


def test_a_missing_file_is_damaged(dataset: Path, made: tuple[str, str]) -> None:
    for file in _contents(dataset):
        hidden = file.rename(dataset / "hidden")
        with pytest.raises(StoreError):
            open_images(dataset).check()
        hidden.rename(file)


def _damage(dataset: Path, number: int) -> None:
    """Change one byte in the middle of a stored image."""
    [chunk] = open_images(dataset).chunks([number])
    for file in _contents(dataset):
        content = bytearray(file.read_bytes())
        place = content.find(chunk)
        if place >= 0:
            content[place + len(chunk) // 2] ^= 1
            file.write_bytes(content)
            return
    raise AssertionError("the image is nowhere")


def test_an_image_whose_bytes_changed_is_found_by_its_digest(dataset: Path) -> None:
    before = open_images(dataset).digests(range(11))
    _damage(dataset, 4)
    reader = open_images(dataset)
    others = [number for number in range(11) if number != 4]
    assert reader.digests(others) == [before[number] for number in others]
    with suppress(StoreError):  # what was packed may not unpack
        assert reader.digests([4]) != [before[4]]
