"""Images in HDF5: a dataset `images` (N, S, S, 3) of uint8, one image a chunk, or the 1-D datasets `bytes`
and `offsets` where the images are JPEG files.

Chunks are read directly: a random image through h5py's indexing costs milliseconds.
"""

import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from elimctl.errors import StoreError
from elimctl.store import codec, layout
from elimctl.store.file import File, Span, damaged, unreadable
from elimctl.store.flat import Flat, Place
from elimctl.store.layout import Layout
from elimctl.store.shard import Units

NAME = "images.h5"  # in the folder of a prepared dataset
IMAGES, BYTES, OFFSETS = "images", "bytes", "offsets"
FILTERS = {"raw": [], "blosc": [hdf5plugin.Blosc.filter_id]}


def write(path: Path, found: Layout, units: Units, *, attributes: Mapping[str, Any]) -> None:
    """Write a file; the same units and attributes give the same bytes.

    Args:
        path: file to write, not atomically.
        found: the store's layout.
        units: the images.
        attributes: values for JSON, noted beside the layout.

    Raises:
        OSError: the file could not be written; the error names it.
    """
    with _naming(path), h5py.File(path, "w", libver=("earliest", "v110"), locking=False) as file:
        file.attrs["elimctl"] = json.dumps(layout.note(found, attributes), sort_keys=True)
        if found.codec == "jpeg":
            _write_flat(file, units)
        else:
            _write_chunks(file, found, units)


def open(path: Path) -> "Chunks | Flat":  # noqa: A001 - store.hdf5.open reads as h5py's does
    """Open a file for reading.

    Raises:
        StoreError: it is missing, unreadable, damaged, laid out otherwise, or written by a newer elimctl.
    """
    try:
        file = h5py.File(path, "r", locking=False)  # the file is replaced whole, never changed
        noted = json.loads(file.attrs.get("elimctl", "{}"))
        datasets = {name: file.get(name) for name in (IMAGES, BYTES, OFFSETS)}
    except FileNotFoundError:
        raise StoreError(f"no HDF5 file {path}", hint="run elimctl prepare") from None
    except (OSError, ValueError, TypeError, RuntimeError, KeyError) as error:
        raise unreadable(path, _errno(error), str(error)) from None
    found, attributes = layout.read(noted, path)
    if found.codec == "jpeg":
        count = (found.shape[0] + 1,)
        offsets = _place(datasets[OFFSETS], path, dtype="<i8", shape=count)
        data = _place(datasets[BYTES], path, dtype="|u1", shape=None)
        return Flat(data, offsets, found, attributes)
    _check_chunked(datasets[IMAGES], found, path)
    return Chunks(path, datasets[IMAGES].id, found, attributes)


class Chunks:
    """Reader of an image a chunk; threads may share it.

    Args:
        path: the file.
        dataset: the open dataset.
        found: its layout.
        attributes: what the file notes.
    """

    def __init__(
        self, path: Path, dataset: h5py.h5d.DatasetID, found: Layout, attributes: dict[str, Any]
    ) -> None:
        self.layout, self.attributes = found, attributes
        self._path, self._dataset = path, dataset

    def fetch(self, number: int, out: np.ndarray | None = None) -> np.ndarray | None:
        """Bytes of an image, as every `Source` gives them."""
        place = (number, 0, 0, 0)
        try:
            if out is None:
                return np.frombuffer(self._dataset.read_direct_chunk(place)[1], np.uint8)
            self._dataset.read_direct_chunk(place, out=out)
        except (OSError, RuntimeError, ValueError) as error:
            if self._is_missing(place):
                return None
            raise damaged(self._path, f"image {number}: {error}") from None
        return out

    def place(self, number: int) -> Span | None:
        """Where the bytes of an image lie, as every `Source` tells."""
        file, places = self._mapped
        offset, size = places[number].tolist()
        return None if offset < 0 else Span(file, offset, size)

    def check(self) -> None:
        """Check that every chunk lies in the file."""
        self._places()

    @cached_property
    def _mapped(self) -> tuple[File, np.ndarray]:
        """The file, and where all its chunks are: HDF5 walks through them all to find one."""
        return File(self._path), self._places()

    def _places(self) -> np.ndarray:
        """(N, 2) int64 offset and size of every chunk, -1 for those never written."""
        file_bytes, image_bytes = self._path.stat().st_size, self.layout.image_bytes
        # number, offset and size; an error raised in the walk would be lost
        found: list[tuple[int, int, int]] = []
        try:
            self._dataset.chunk_iter(
                lambda chunk: found.append((chunk.chunk_offset[0], chunk.byte_offset, chunk.size))
            )
            numbers, offsets, sizes = np.array(found, np.int64).reshape(-1, 3).T
            places = np.full((self.layout.shape[0], 2), -1)
            places[numbers] = np.stack([offsets, sizes], axis=1)
        except (OSError, RuntimeError, ValueError, TypeError, OverflowError, IndexError) as error:
            raise damaged(self._path, str(error)) from None
        raw = self.layout.codec == "raw"
        if np.any(offsets > file_bytes - sizes) or (raw and np.any(sizes != image_bytes)):
            raise damaged(self._path, f"its index does not fit {file_bytes} bytes of images of {image_bytes}")
        return places

    def _is_missing(self, place: tuple[int, int, int, int]) -> bool:
        """Whether a chunk was never written; HDF5 walks through all chunks to tell."""
        try:
            return self._dataset.get_chunk_info_by_coord(place).byte_offset is None
        except (OSError, RuntimeError, ValueError):
            return False


def _write_chunks(file: h5py.File, found: Layout, units: Units) -> None:
    _, *image = found.shape
    blosc = hdf5plugin.Blosc(cname=codec.COMPRESSOR, clevel=codec.LEVEL, shuffle=codec.SHUFFLE)
    dataset = file.create_dataset(
        IMAGES,
        found.shape,
        dtype="uint8",
        chunks=(1, *image),
        track_times=False,
        **(blosc if found.codec == "blosc" else {}),
    )
    for number, chunk in enumerate(units.chunks()):
        if chunk is not None:
            dataset.id.write_direct_chunk((number, 0, 0, 0), chunk)


def _write_flat(file: h5py.File, units: Units) -> None:
    ends = units.ends()
    offsets = np.concatenate([[0], ends]).astype("<i8")
    file.create_dataset(OFFSETS, data=offsets, track_times=False)
    data = file.create_dataset(BYTES, (int(ends[-1]),), dtype="uint8", track_times=False)
    for number, chunk in enumerate(units.chunks()):
        if chunk is not None:
            data[offsets[number] : offsets[number + 1]] = chunk


def _check_chunked(dataset: Any, found: Layout, path: Path) -> None:
    """Check that a dataset has the layout that `_write_chunks` gives."""
    if not isinstance(dataset, h5py.Dataset):
        raise damaged(path, f"it has no dataset {IMAGES!r}")
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
    got = (dataset.shape, dataset.dtype.str, dataset.chunks, filters)
    wanted = (found.shape, "|u1", (1, *found.shape[1:]), FILTERS[found.codec])
    if got != wanted:
        raise StoreError(
            f"the images in {path} are laid out as {got}; wanted {wanted}",
            hint="run elimctl prepare again",
        )


def _place(dataset: Any, path: Path, *, dtype: str, shape: tuple[int] | None) -> Place:
    """Where a 1-D dataset lies in the file, after checking that it lies there as it is."""
    sound = isinstance(dataset, h5py.Dataset) and dataset.ndim == 1 and dataset.dtype.str == dtype
    if not sound or dataset.chunks is not None or shape not in (None, dataset.shape):
        raise damaged(path, f"{BYTES!r} and {OFFSETS!r} are not the datasets elimctl writes")
    return Place(path, dataset.id.get_offset() or 0, dataset.nbytes)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an error of HDF5 tell which file could not be written, and why."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # closing a file that cannot grow is a RuntimeError
        number = _errno(error) or errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error


def _errno(error: Exception) -> int | None:
    """What the operating system refused to HDF5, None if the fault is in the file."""
    found = re.search(r"errno = (\d+)", str(error))
    return int(found[1]) if found else getattr(error, "errno", None)
