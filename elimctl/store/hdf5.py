"""Images as an HDF5 dataset `images` (N, S, S, 3) of uint8, one image a chunk.

Chunks are read directly: a random image through h5py's indexing costs milliseconds.
"""

import errno
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from elimctl.errors import StoreError
from elimctl.manifest import version
from elimctl.store import gather

NAME = "images.h5"  # in the folder of a prepared dataset
DATASET = "images"


def write(
    path: Path,
    shape: tuple[int, int, int, int],
    batches: Iterable[np.ndarray],
    *,
    attributes: Mapping[str, Any],
) -> None:
    """Write a file; the same images and attributes give the same bytes.

    Args:
        path: file to write, not atomically.
        shape: (N, S, S, 3).
        batches: (n, S, S, 3) uint8 each, N images together; an image of zeros takes no space.
        attributes: values for JSON, noted beside the format version.

    Raises:
        OSError: the file could not be written; the error names it.
    """
    try:
        with h5py.File(path, "w", libver=("earliest", "v110")) as file:
            file.attrs["elimctl"] = json.dumps({**attributes, "format": version.FORMAT}, sort_keys=True)
            chunks = (1, *shape[1:])
            dataset = file.create_dataset(DATASET, shape, dtype="uint8", chunks=chunks, track_times=False)
            number = 0
            for images in batches:
                for image in images:
                    if image.any():
                        dataset.id.write_direct_chunk((number, 0, 0, 0), np.ascontiguousarray(image))
                    number += 1
    except (OSError, RuntimeError) as error:  # closing a file that cannot grow is a RuntimeError
        found = re.search(r"errno = (\d+)", str(error))
        number = int(found[1]) if found else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error


def open(path: Path) -> "Images":  # noqa: A001 - store.hdf5.open reads as h5py's does
    """Open a file for reading.

    Raises:
        StoreError: it is missing, damaged, compressed, or written by a newer elimctl.
    """
    return Images(path)


class Images:
    """Reader of a file; may be shared by threads, and sent to another process.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = h5py.File(path, "r")
            noted = json.loads(self._file.attrs.get("elimctl", "{}"))
            dataset = self._file.get(DATASET)
        except FileNotFoundError:
            raise StoreError(f"no HDF5 file {path}", hint="run elimctl prepare") from None
        except (OSError, ValueError, TypeError) as error:
            raise _damaged(path, str(error)) from None
        version.check(noted.get("format") if isinstance(noted, dict) else None, path)
        self.attributes: dict[str, Any] = noted
        self.shape = _shape(dataset, path)
        self._dataset = dataset.id

    def __reduce__(self) -> tuple[Any, ...]:
        return Images, (self.path,)

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Gather images, as every `Reader` does."""
        return gather.gather(indices, self.shape, self._read)

    def check(self) -> None:
        """Check every image's place, as every `Reader` does."""
        size = self.path.stat().st_size
        image_bytes = math.prod(self.shape[1:])
        places: list[tuple[int, int]] = []  # offset and size; an error raised in the walk would be lost
        try:
            self._dataset.chunk_iter(lambda chunk: places.append((chunk.byte_offset, chunk.size)))
        except (OSError, RuntimeError, ValueError) as error:
            raise _damaged(self.path, str(error)) from None
        if any(found != image_bytes or offset + found > size for offset, found in places):
            raise _damaged(self.path, f"its index does not fit images of {image_bytes} bytes")

    def _read(self, number: int, image: np.ndarray) -> None:
        try:
            if self._dataset.get_chunk_info_by_coord((number, 0, 0, 0)).byte_offset is None:
                image[...] = 0
            else:
                self._dataset.read_direct_chunk((number, 0, 0, 0), out=image.reshape(-1))
        except (OSError, RuntimeError, ValueError) as error:
            raise _damaged(self.path, f"image {number}: {error}") from None


def _shape(dataset: Any, path: Path) -> tuple[int, int, int, int]:
    """Shape of a dataset, after checking that it has the layout `write` gives."""
    if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 4 or dataset.dtype != np.uint8:
        raise _damaged(path, f"it has no uint8 dataset {DATASET!r} of 4 dimensions")
    count, height, width, channels = dataset.shape
    filters = dataset.id.get_create_plist().get_nfilters()
    if filters or dataset.chunks != (1, height, width, channels):
        raise StoreError(
            f"the images in {path} have chunks {dataset.chunks} and {filters} filters; "
            "wanted one raw image a chunk",
            hint="run elimctl prepare again with an uncompressed store",
        )
    return count, height, width, channels


def _damaged(path: Path, what: str) -> StoreError:
    return StoreError(f"{path} is damaged: {what}", hint="run elimctl prepare again")
