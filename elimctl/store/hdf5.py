"""Images in HDF5: a dataset `images` (N, S, S, 3) of uint8 with one image a chunk.

JPEG files are stored in the 1-D datasets `bytes` and `offsets`. Chunks are read directly, because reading a
random image through h5py's indexing takes milliseconds.
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
from elimctl.store import codec
from elimctl.store import layout as layouts
from elimctl.store.file import File, Span, damaged, unreadable
from elimctl.store.flat import Flat
from elimctl.store.layout import Layout, Source
from elimctl.store.shard import Units

NAME = "images.h5"  # in the folder of a prepared dataset
IMAGES, BYTES, OFFSETS = "images", "bytes", "offsets"
FILTERS = {"raw": [], "blosc": [hdf5plugin.Blosc.filter_id]}


def write(path: Path, layout: Layout, units: Units, *, attributes: Mapping[str, Any]) -> None:
    """Write a file, not atomically; the same units and attributes (values for JSON) give the same bytes.

    Raises:
        OSError: the file could not be written; the error names it.
    """
    with _naming(path), h5py.File(path, "w", libver=("earliest", "v110"), locking=False) as file:
        file.attrs["elimctl"] = json.dumps(layout.attributes(attributes), sort_keys=True)
        if layout.codec == "jpeg":
            _write_flat(file, units)
        else:
            _write_chunks(file, layout, units)


def open(path: Path) -> "Chunks | Flat":  # noqa: A001 - store.hdf5.open reads as h5py's does
    """Open a file for reading.

    Raises:
        StoreError: the file is missing, unreadable, damaged, or written by a newer elimctl.
    """
    try:
        file = h5py.File(path, "r", locking=False)  # the file is replaced as a whole, never changed
        recorded = json.loads(file.attrs.get("elimctl", "{}"))
        datasets = {name: file.get(name) for name in (IMAGES, BYTES, OFFSETS)}
    except FileNotFoundError:
        raise StoreError(f"no HDF5 file {path}", hint="run elimctl prepare") from None
    except (OSError, ValueError, TypeError, RuntimeError, KeyError) as error:
        raise unreadable(path, _errno(error), str(error)) from None
    layout, attributes = layouts.read(recorded, path)
    if layout.codec == "jpeg":
        count = (layout.shape[0] + 1,)
        offsets = _place(datasets[OFFSETS], path, dtype="<i8", shape=count)
        data = _place(datasets[BYTES], path, dtype="|u1", shape=None)
        return Flat(data, offsets, layout, attributes)
    _check_chunked(datasets[IMAGES], layout, path)
    return Chunks(path, datasets[IMAGES].id, layout, attributes)


class Chunks(Source):
    """Reader of a dataset with one image a chunk; threads may share it."""

    def __init__(
        self, path: Path, dataset: h5py.h5d.DatasetID, layout: Layout, attributes: dict[str, Any]
    ) -> None:
        self.layout, self.attributes = layout, attributes
        self._path, self._dataset = path, dataset

    def fetch(self, number: int, out: np.ndarray | None = None) -> np.ndarray | None:
        """Read the stored bytes of an image, see `Source`."""
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
        """Return the place of an image's bytes, see `Source`."""
        file, places = self._mapped
        offset, size = places[number].tolist()
        return None if offset < 0 else Span(file, offset, size)

    def check(self) -> None:
        """Check that every chunk lies in the file."""
        self._places()

    @cached_property
    def _mapped(self) -> tuple[File, np.ndarray]:
        """The file and the places of all chunks; HDF5 would walk through all chunks to find one."""
        return File(self._path), self._places()

    def _places(self) -> np.ndarray:
        """Read offset and size of every chunk: (N, 2) int64, -1 for chunks that were not written."""
        file_bytes, image_bytes = self._path.stat().st_size, self.layout.image_bytes
        # number, offset and size; HDF5 would lose an error raised in the callback
        chunks: list[tuple[int, int, int]] = []
        try:
            self._dataset.chunk_iter(
                lambda chunk: chunks.append((chunk.chunk_offset[0], chunk.byte_offset, chunk.size))
            )
            numbers, offsets, sizes = np.array(chunks, np.int64).reshape(-1, 3).T
            places = np.full((self.layout.shape[0], 2), -1)
            places[numbers] = np.stack([offsets, sizes], axis=1)
        except (OSError, RuntimeError, ValueError, TypeError, OverflowError, IndexError) as error:
            raise damaged(self._path, str(error)) from None
        raw = self.layout.codec == "raw"
        if np.any(offsets > file_bytes - sizes) or (raw and np.any(sizes != image_bytes)):
            raise damaged(self._path, f"its index does not fit {file_bytes} bytes of images of {image_bytes}")
        return places

    def _is_missing(self, place: tuple[int, int, int, int]) -> bool:
        """Whether a chunk was not written; slow, because HDF5 walks through all chunks."""
        try:
            return self._dataset.get_chunk_info_by_coord(place).byte_offset is None
        except (OSError, RuntimeError, ValueError):
            return False


def _write_chunks(file: h5py.File, layout: Layout, units: Units) -> None:
    _, *image = layout.shape
    blosc = hdf5plugin.Blosc(cname=codec.COMPRESSOR, clevel=codec.LEVEL, shuffle=codec.SHUFFLE)
    dataset = file.create_dataset(
        IMAGES,
        layout.shape,
        dtype="uint8",
        chunks=(1, *image),
        track_times=False,
        **(blosc if layout.codec == "blosc" else {}),
    )
    for number, chunk in enumerate(units.chunks()):
        if chunk is not None:
            dataset.id.write_direct_chunk((number, 0, 0, 0), chunk)


def _write_flat(file: h5py.File, units: Units) -> None:
    ends = units.chunk_ends()
    offsets = np.concatenate([[0], ends]).astype("<i8")
    file.create_dataset(OFFSETS, data=offsets, track_times=False)
    data = file.create_dataset(BYTES, (int(ends[-1]),), dtype="uint8", track_times=False)
    for number, chunk in enumerate(units.chunks()):
        if chunk is not None:
            data[offsets[number] : offsets[number + 1]] = chunk


def _check_chunked(dataset: Any, layout: Layout, path: Path) -> None:
    """Check that a dataset has the layout that `_write_chunks` writes."""
    if not isinstance(dataset, h5py.Dataset):
        raise damaged(path, f"it has no dataset {IMAGES!r}")
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
    got = (dataset.shape, dataset.dtype.str, dataset.chunks, filters)
    wanted = (layout.shape, "|u1", (1, *layout.shape[1:]), FILTERS[layout.codec])
    if got != wanted:
        raise StoreError(
            f"the images in {path} are laid out as {got}; wanted {wanted}",
            hint="run elimctl prepare again",
        )


def _place(dataset: Any, path: Path, *, dtype: str, shape: tuple[int] | None) -> Span:
    """Return the place of a 1-D dataset in the file; it must be contiguous."""
    sound = isinstance(dataset, h5py.Dataset) and dataset.ndim == 1 and dataset.dtype.str == dtype
    if not sound or dataset.chunks is not None or shape not in (None, dataset.shape):
        raise damaged(path, f"{BYTES!r} and {OFFSETS!r} are not the datasets elimctl writes")
    return Span(File(path), dataset.id.get_offset() or 0, dataset.nbytes)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn an error of HDF5 into one that names the file and the reason."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # closing a file that cannot grow is a RuntimeError
        number = _errno(error) or errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error


def _errno(error: Exception) -> int | None:
    """Return the error number of the operating system; None if the file itself is at fault."""
    match = re.search(r"errno = (\d+)", str(error))
    return int(match[1]) if match else getattr(error, "errno", None)
