"""Write and read the images of a prepared dataset, in any store and codec."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

from elimctl import atomic
from elimctl.errors import StoreError
from elimctl.store import codec as codecs
from elimctl.store import hdf5, shard, zarr
from elimctl.store.codec import Codec
from elimctl.store.file import Span, damaged
from elimctl.store.layout import Layout, Shape, Source
from elimctl.store.shard import Units

Kind = Literal["zarr", "hdf5"]
STORES: dict[Kind, Any] = {"zarr": zarr, "hdf5": hdf5}
NAMES = tuple(store.NAME for store in STORES.values())
ANNOUNCED = 64  # images that the system fetches ahead of their use

Indices = Sequence[int] | np.ndarray  # (B,) numbers of images, in [0, N)


class Encoded(NamedTuple):
    """The encoded images of one unit."""

    content: bytes  # of the unit's file; empty if no image is kept
    sha256: list[str | None]  # digest of each stored image, None if it is not kept


def encode_unit(images: np.ndarray, kept: np.ndarray, *, codec: Codec, shard_images: int) -> Encoded:
    """Encode images (n, S, S, 3) uint8 RGB of one unit; the same images give the same bytes.

    Images that are not kept, by (n,) bool, are not stored. Every unit but the last has `shard_images` images.
    """
    chunks = [
        codecs.encode(image, codec) if keep else None
        for image, keep in zip(images, kept.tolist(), strict=True)
    ]
    return encode_chunks(chunks, images[0].nbytes, codec=codec, shard_images=shard_images)


def encode_chunks(
    chunks: Sequence[bytes | memoryview | None], image_bytes: int, *, codec: Codec, shard_images: int
) -> Encoded:
    """Make a unit of encoded images, whose pixels take `image_bytes` each, as `encode_unit` does."""
    digests = [
        None if chunk is None else codecs.digest(np.frombuffer(chunk, np.uint8), image_bytes, codec)
        for chunk in chunks
    ]
    return Encoded(shard.encode(chunks, slots=shard_images), digests)


def write_images(
    folder: Path,
    shape: Shape,
    units: Sequence[Path],
    *,
    kind: Kind,
    codec: Codec,
    shard_images: int,
    attributes: Mapping[str, Any],
) -> str:
    """Write a store from unit files, not atomically; one image is in memory at a time.

    Args:
        folder: parent folder of the store; it must not hold a store of that kind.
        shape: (N, S, S, 3).
        units: unit files in order, with the content of `encode_unit`.
        kind: kind of the store.
        codec: codec of the images in the units.
        shard_images: images in every unit but the last.
        attributes: values for JSON to record in the store.

    Returns:
        The name of the store in the folder.

    Raises:
        StoreError: a unit is damaged.
        OSError: the store could not be written.
    """
    store = STORES[kind]
    layout = Layout(shape, codec, shard_images)
    content = Units(units, count=shape[0], shard_images=shard_images)
    store.write(folder / store.NAME, layout, content, attributes=attributes)
    atomic.sync(folder / store.NAME)
    return store.NAME


@runtime_checkable
class Reader(Protocol):
    """Interface of images for training and evaluation; image i belongs to row i of the manifest."""

    shape: Shape  # (N, S, S, 3)
    attributes: dict[str, Any]  # recorded by `prepare`: format version and crop settings

    def read(self, indices: Indices) -> np.ndarray:
        """Read images.

        Returns:
            (B, S, S, 3) uint8 RGB in the order of the indices. A dropped image is all zeros.

        Raises:
            IndexError: an index is not in [0, N).
            StoreError: a file of the store is missing, truncated or damaged.
        """
        ...

    def views(self, indices: Indices) -> Iterator[np.ndarray]:
        """Iterate over images, for callers that need only a part of each; errors as in `read`.

        Returns:
            The images as `read` gives them, each (S, S, 3), possibly read-only; raw images are not copied.
        """
        return iter(self.read(indices))

    def check(self) -> None:
        """Check the place of every image without reading it; errors as in `read`."""
        ...


class Images(Reader):
    """Reader of every kind of store; threads may share it, and it can be sent to another process.

    Raises:
        StoreError: the store is missing, damaged, or written by a newer elimctl.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        self.path, self.kind = path, kind
        self._source: Source = STORES[kind].open(path)
        layout = self._source.layout
        self.shape, self.codec, self.shard_images = layout.shape, layout.codec, layout.shard_images
        self.image_bytes = layout.image_bytes
        self.attributes = self._source.attributes

    def __reduce__(self) -> tuple[Any, ...]:
        return Images, (self.path, self.kind)

    def read(self, indices: Indices) -> np.ndarray:
        """Read images, see `Reader.read`."""
        numbers = self._numbers(indices)
        images = np.empty((len(numbers), *self.shape[1:]), dtype=np.uint8)
        for number, image in zip(numbers, images, strict=True):
            if self.codec != "raw":
                image[...] = self._decode(number, self._source.fetch(number))
            elif self._source.fetch(number, image.reshape(-1)) is None:  # else read in place
                image[...] = 0
        return images

    def views(self, indices: Indices) -> Iterator[np.ndarray]:
        """Iterate over images, see `Reader.views`."""
        return self._views(self._numbers(indices))

    def check(self) -> None:
        """Check the place of every image, see `Reader.check`."""
        self._source.check()

    def digests(self, indices: Indices) -> list[str | None]:
        """Compute the SHA-256 of stored images: of the pixels, or of the JPEG file.

        Returns:
            Hexadecimal digests in the order of the indices, None for an image that is not kept.

        Raises:
            IndexError: an index is not in [0, N).
            StoreError: an image cannot be read; call with single indices to learn which.
        """
        digests = []
        for number in self._numbers(indices):
            chunk = self._source.fetch(number)
            try:
                digests.append(None if chunk is None else codecs.digest(chunk, self.image_bytes, self.codec))
            except ValueError as error:
                raise damaged(self.path, f"image {number}: {error}") from None
        return digests

    def chunks(self, indices: Indices) -> list[bytes | None]:
        """Read the stored bytes of images, None for an image that is not kept; errors as in `digests`."""
        fetched = map(self._source.fetch, self._numbers(indices))
        return [None if chunk is None else chunk.tobytes() for chunk in fetched]

    def _views(self, numbers: list[int]) -> Iterator[np.ndarray]:
        """Iterate over views of images while the system fetches the bytes of the next ones."""
        ahead: deque[tuple[int, Span | None]] = deque()
        for number in numbers:
            span = self._source.place(number)
            if span is not None:
                span.file.announce(span.offset, span.size)
            ahead.append((number, span))
            if len(ahead) > ANNOUNCED:
                yield self._view(*ahead.popleft())
        yield from (self._view(*place) for place in ahead)

    def _view(self, number: int, span: Span | None) -> np.ndarray:
        return self._decode(number, None if span is None else span.file.view(span.offset, span.size))

    def _decode(self, number: int, chunk: np.ndarray | None) -> np.ndarray:
        """Decode the chunk of an image; zeros for an image that is not kept."""
        if chunk is None:
            return np.zeros(self.shape[1:], np.uint8)
        try:
            return codecs.decode(chunk, self.shape[1:], self.codec)
        except ValueError as error:
            raise damaged(self.path, f"image {number}: {error}") from None

    def _numbers(self, indices: Indices) -> list[int]:
        numbers = np.asarray(indices, dtype=np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < self.shape[0]:
            raise IndexError(
                f"images {numbers.min()} to {numbers.max()} requested of a store of {self.shape[0]}"
            )
        return numbers.tolist()


def open_images(folder: Path) -> Images:
    """Open the images of the prepared dataset in a folder.

    Raises:
        StoreError: there are no images, or they are damaged or written by a newer elimctl.
    """
    for kind, store in STORES.items():
        if (folder / store.NAME).exists():
            return Images(folder / store.NAME, kind)
    raise StoreError(f"no {' or '.join(NAMES)} in {folder}", hint="run elimctl prepare")
