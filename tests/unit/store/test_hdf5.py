import fcntl
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from elimctl.errors import StoreError
from elimctl.manifest import parquet
from elimctl.store import hdf5
from elimctl.store.images import encode_unit, open_images, write_images


@pytest.fixture
def file(make) -> Path:
    return make("hdf5", "raw") / hdf5.NAME


@pytest.fixture
def flat(make) -> Path:
    return make("hdf5", "jpeg") / hdf5.NAME


def test_dropped_rows_take_no_space(file: Path) -> None:
    with h5py.File(file) as opened:
        assert opened["images"].id.get_num_chunks() == 7


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_truncated_file_is_damaged(file: Path, keep: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    with pytest.raises(StoreError, match=r"images.h5 is damaged"):
        open_images(file.parent)


@pytest.fixture
def locked() -> Iterator[Callable[[Path], None]]:
    """A function that locks a file, so that nobody else gets a lock of it."""
    with ExitStack() as opened:

        def lock(path: Path) -> None:
            fcntl.flock(opened.enter_context(path.open("r+b")), fcntl.LOCK_EX)

        yield lock


def test_reading_and_writing_ask_for_no_lock(
    file: Path, tmp_path: Path, locked: Callable[[Path], None]
) -> None:
    locked(file)
    with pytest.raises(OSError, match="unable to lock file"):
        h5py.File(file)
    open_images(file.parent).check()
    unit, written = tmp_path / "unit", tmp_path / hdf5.NAME
    pixels = np.ones((8, 64, 64, 3), np.uint8)
    unit.write_bytes(encode_unit(pixels, np.ones(8, bool), codec="raw", shard_images=8).content)
    written.touch()
    locked(written)
    write_images(tmp_path, pixels.shape, [unit], kind="hdf5", codec="raw", shard_images=8, attributes={})
    np.testing.assert_array_equal(open_images(tmp_path).read([3]), pixels[3:4])


def test_a_file_that_may_not_be_read_is_not_called_damaged(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(
            "Unable to open file (unable to lock file, errno = 37, error message = 'No locks available')"
        )

    monkeypatch.setattr(h5py, "File", refuse)
    with pytest.raises(StoreError, match=r"images.h5 cannot be read: No locks available"):
        hdf5.open(file)


def _note(file: Path, noted: str) -> None:
    with h5py.File(file, "a") as opened:
        opened.attrs["elimctl"] = noted


def test_a_newer_file_is_refused(file: Path) -> None:
    _note(file, json.dumps({"format": parquet.FORMAT + 1}))
    with pytest.raises(StoreError, match="written by a newer elimctl"):
        open_images(file.parent)


@pytest.mark.parametrize("noted", ["[]", "{}", "no json"])
def test_a_foreign_file_is_refused(file: Path, noted: str) -> None:
    _note(file, noted)
    with pytest.raises(StoreError):
        open_images(file.parent)


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (1, 16, 16, 3), "compression": "gzip"},
        {"chunks": (1, 16, 16, 3), **hdf5plugin.Blosc()},
        {"chunks": (2, 16, 16, 3)},
        {},
    ],
    ids=["gzip", "blosc", "two images a chunk", "contiguous"],
)
def test_another_layout_is_refused(file: Path, options: dict) -> None:
    with h5py.File(file, "a") as opened:
        images = opened["images"][:]
        del opened["images"]
        opened.create_dataset("images", data=images, **options)
    with pytest.raises(StoreError, match=r"laid out as .* wanted"):
        open_images(file.parent)


def test_a_file_without_images_is_damaged(file: Path) -> None:
    with h5py.File(file, "a") as opened:
        del opened["images"]
    with pytest.raises(StoreError, match="no dataset 'images'"):
        open_images(file.parent)


def test_a_damaged_index_fails_the_check_and_the_read(file: Path) -> None:
    with h5py.File(file) as opened:
        last = opened["images"].id.get_chunk_info(6).byte_offset
    content = file.read_bytes()
    damaged = content.replace(last.to_bytes(8, "little"), (2**40).to_bytes(8, "little"))
    assert damaged != content
    file.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"images.h5 is damaged"):
        open_images(file.parent).check()
    with pytest.raises(StoreError, match=r"images.h5 is damaged: image 7"):
        open_images(file.parent).read([7])
    with pytest.raises(StoreError, match=r"images.h5 is damaged: its index does not fit"):
        list(open_images(file.parent).views([7]))


def test_an_unreadable_index_fails_the_check_and_every_read(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content.replace(b"TREE\x01", b"XXXX\x01"))  # the B-tree of the chunks
    reader = open_images(file.parent)
    with pytest.raises(StoreError, match=r"images.h5 is damaged"):
        reader.check()
    for number in (0, 2):  # 2 is a dropped row: what cannot be looked up is not taken for dropped
        with pytest.raises(StoreError, match=rf"images.h5 is damaged: image {number}"):
            reader.read([number])
        with pytest.raises(StoreError, match=r"images.h5 is damaged"):
            list(reader.views([number]))


@pytest.mark.parametrize(
    ("name", "change"),
    [(name, change) for name in ("bytes", "offsets") for change in ("missing", "chunked", "type")]
    + [("offsets", "shape")],
)
def test_other_flat_datasets_are_refused(flat: Path, name: str, change: str) -> None:
    with h5py.File(flat, "a") as opened:
        values = opened[name][:]
        del opened[name]
        if change == "chunked":
            opened.create_dataset(name, data=values, chunks=(4,))
        elif change != "missing":
            opened[name] = values.astype("f4") if change == "type" else values[:-1]
    with pytest.raises(StoreError, match="are not the datasets elimctl writes"):
        open_images(flat.parent)


def test_bytes_cut_short_fail_the_check(flat: Path) -> None:
    with h5py.File(flat, "a") as opened:
        values = opened["bytes"][:-1]
        del opened["bytes"]
        opened["bytes"] = values
    with pytest.raises(StoreError, match="its offsets end at"):
        open_images(flat.parent).check()


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    program = f"""
import resource, signal
from pathlib import Path
import numpy as np
from elimctl.store import images
unit = Path({str(tmp_path)!r}) / "unit"
pixels = np.ones((8, 64, 64, 3), np.uint8)
unit.write_bytes(images.encode_unit(pixels, np.ones(8, bool), codec="raw", shard_images=8).content)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    images.write_images(unit.parent, pixels.shape, [unit], kind="hdf5", codec="raw", shard_images=8,
                        attributes={{}})
except OSError as error:
    print(error.errno, error.filename)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["27", str(tmp_path / hdf5.NAME)], done.stderr


def test_blosc_chunks_are_read_by_the_filter_of_hdf5(make, stored: np.ndarray) -> None:
    with h5py.File(make("hdf5", "blosc") / hdf5.NAME) as opened:
        assert opened["images"].id.get_create_plist().get_filter(0)[0] == hdf5plugin.Blosc.filter_id
        np.testing.assert_array_equal(opened["images"][:], stored)
