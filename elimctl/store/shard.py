"""Shard files of a zarr v3 array: chunks, then an index of their places.

Source: zarr v3 specification, sharding codec 1.0.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import google_crc32c
import numpy as np

from elimctl.store.file import File, Span, damaged

EMPTY = np.uint64(2**64 - 1)  # offset and size of a chunk that was never written
CHECKSUM_BYTES = 4  # crc32c after the index


def encode(chunks: Sequence[bytes | memoryview | None], *, slots: int) -> bytes:
    """Encode a shard file of `slots` chunks; None stands for a chunk that is not written.

    Returns:
        The content; empty if no chunk is written, because zarr then has no file.
    """
    present = [chunk for chunk in chunks if chunk is not None]
    if not present:
        return b""
    places = np.full((slots, 2), EMPTY, "<u8")
    written = [number for number, chunk in enumerate(chunks) if chunk is not None]
    sizes = np.array([len(chunk) for chunk in present], "<u8")
    places[written] = np.stack([np.cumsum(sizes) - sizes, sizes], axis=1)
    return b"".join([*present, index(places)])


def index(places: np.ndarray) -> bytes:
    """Encode the index at a shard's end: (slots, 2) uint64 offsets and sizes, and a checksum."""
    content = places.astype("<u8").tobytes()
    return content + google_crc32c.value(content).to_bytes(CHECKSUM_BYTES, "little")


def index_bytes(slots: int) -> int:
    """Return the size of the index of a shard with `slots` chunks."""
    return 16 * slots + CHECKSUM_BYTES


class Shard:
    """An open shard file with `slots` chunks of `chunk_bytes` each, or None if sizes vary.

    Raises:
        StoreError: the file is missing, truncated or damaged.
    """

    def __init__(self, path: Path, *, slots: int, chunk_bytes: int | None = None) -> None:
        self._file = File(path)
        self._places = self._read_places(slots, chunk_bytes)

    @property
    def sizes(self) -> np.ndarray:
        """(slots,) int64 size of each chunk, -1 for chunks that were not written."""
        return self._places[:, 1]

    def fetch(self, chunk: int, out: np.ndarray | None = None) -> np.ndarray | None:
        """Read a chunk by number, into `out` (contiguous uint8 of its size) if given; None if not written."""
        place = self.place(chunk)
        return None if place is None else place.read(out)

    def place(self, chunk: int) -> Span | None:
        """Return the place of the chunk of a number; None if it was not written."""
        offset, size = self._places[chunk].tolist()
        return None if offset < 0 else Span(self._file, offset, size)

    def _read_places(self, slots: int, chunk_bytes: int | None) -> np.ndarray:
        """Read offset and size of every chunk: (slots, 2) int64, -1 for chunks that were not written."""
        path, size = self._file.path, self._file.size
        length = index_bytes(slots)
        if size < length:
            raise damaged(path, f"{size} bytes, wanted an index of {length} bytes at its end")
        content = self._file.read(size - length, length).tobytes()
        table, checksum = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
        if google_crc32c.value(table) != int.from_bytes(checksum, "little"):
            raise damaged(path, "it was cut short, or its index was changed")
        offsets, sizes = np.frombuffer(table, dtype="<u8").reshape(slots, 2).T
        written = offsets != EMPTY
        room = np.uint64(size - length)
        if np.any(sizes[written] > room) or np.any(offsets[written] > room - sizes[written]):
            raise damaged(path, "its index points behind its end")
        if chunk_bytes is not None and np.any(sizes[written] != chunk_bytes):
            raise damaged(path, f"its index does not fit chunks of {chunk_bytes} bytes")
        return np.where(written, [offsets, sizes], EMPTY).astype(np.int64).T


class Units:
    """The unit files of a store, in order; a unit without chunks is an empty file.

    All files hold `count` images; every file but the last holds `shard_images`.
    """

    def __init__(self, files: Sequence[Path], *, count: int, shard_images: int) -> None:
        assert len(files) == -(-count // shard_images), f"{len(files)} units of {shard_images} for {count}"
        self.files, self.count, self.shard_images = files, count, shard_images

    def chunks(self) -> Iterator[np.ndarray | None]:
        """Iterate over the chunks of all images; None for an image that is not kept."""
        return islice(self._all_chunks(), self.count)

    def chunk_ends(self) -> np.ndarray:
        """Return the end (N,) int64 of each image's chunk in the concatenation of all chunks."""
        sizes = np.zeros(len(self.files) * self.shard_images, np.int64)
        for number, shard in enumerate(self._shards()):
            if shard is not None:
                start = number * self.shard_images
                sizes[start : start + self.shard_images] = np.maximum(shard.sizes, 0)
        return np.cumsum(sizes[: self.count])

    def _all_chunks(self) -> Iterator[np.ndarray | None]:
        for shard in self._shards():
            for number in range(self.shard_images):
                yield None if shard is None else shard.fetch(number)

    def _shards(self) -> Iterator[Shard | None]:
        for file in self.files:
            yield Shard(file, slots=self.shard_images) if file.stat().st_size else None
