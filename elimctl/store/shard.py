"""Shard files of a zarr v3 array: the chunks one after the other, then an index of where each is.

Source: zarr v3 specification, sharding codec 1.0.
"""

import os
import weakref
from pathlib import Path

import google_crc32c
import numpy as np

from elimctl.errors import StoreError

EMPTY = np.uint64(2**64 - 1)  # offset and size of a chunk that was never written
CHECKSUM_BYTES = 4  # crc32c after the index


class Shard:
    """One shard file of raw chunks, open; it closes when the last thread lets go of it.

    Args:
        path: the file.
        chunks: chunks a shard.
        chunk_bytes: size of one chunk.

    Raises:
        StoreError: the file is missing, truncated or damaged.
    """

    def __init__(self, path: Path, *, chunks: int, chunk_bytes: int) -> None:
        self._path = path
        self._chunk_bytes = chunk_bytes
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise self._damaged(error.strerror or "it cannot be opened") from None
        weakref.finalize(self, os.close, self._file)
        self._offsets = self._read_offsets(chunks)

    def read(self, chunk: int, out: np.ndarray) -> None:
        """Read one chunk.

        Args:
            chunk: its number in the shard.
            out: contiguous array of the chunk's size; zeros for a chunk that was never written.

        Raises:
            StoreError: the file was cut short since it was opened.
        """
        offset = int(self._offsets[chunk])
        if offset < 0:
            out[...] = 0
        elif os.preadv(self._file, [out.data], offset) != self._chunk_bytes:
            raise self._damaged("it ends early")

    def _read_offsets(self, chunks: int) -> np.ndarray:
        """Offset of every chunk, -1 for those never written, from the index at the file's end."""
        size = os.fstat(self._file).st_size
        index_bytes = 16 * chunks + CHECKSUM_BYTES
        if size < index_bytes:
            raise self._damaged(f"{size} bytes, wanted an index of {index_bytes} bytes at its end")
        content = os.pread(self._file, index_bytes, size - index_bytes)
        index, checksum = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
        if google_crc32c.value(index) != int.from_bytes(checksum, "little"):
            raise self._damaged("it was cut short, or its index was changed")
        offsets, sizes = np.frombuffer(index, dtype="<u8").reshape(chunks, 2).T
        written = offsets != EMPTY
        ends = offsets[written] + sizes[written]
        if np.any(sizes[written] != self._chunk_bytes) or np.any(ends > size - index_bytes):
            raise self._damaged(f"its index does not fit chunks of {self._chunk_bytes} bytes")
        return np.where(written, offsets.astype(np.int64), -1)

    def _damaged(self, what: str) -> StoreError:
        return StoreError(f"shard {self._path} is damaged: {what}", hint="run elimctl prepare again")
