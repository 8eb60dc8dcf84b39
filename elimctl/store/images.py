"""The images of a prepared dataset, whichever store holds them and however they are coded."""

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
from elimctl.store.layout import Layout, Shape
from elimctl.store.shard import Units

Kind = Literal["zarr", "hdf5"]
STORES: dict[Kind, Any] = {"zarr": zarr, "hdf5": hdf5}
NAMES = tuple(store.NAME for store in STORES.values())
ANNOUNCED = 64  # images that the system fetches while others are looked at


class Encoded(NamedTuple):
    """The images of one unit, encoded."""

    content: bytes  # of the unit's file; nothing where no image is kept
    sha256: list[str | None]  # of what the store keeps of each image, None where it is not kept


def encode_unit(images: np.ndarray, kept: np.ndarray, *, codec: Codec, shard_images: int) -> Encoded:
    """Encode the images of one unit.

    Args:
        images: (n, S, S, 3) uint8 RGB, n <= `shard_images`.
        kept: (n,) bool; the others take no space.
        codec: how each image is coded.
        shard_images: images a unit has, but for the last.

    Returns:
        The same bytes for the same images.
    """
    chunks = [
        codecs.encode(image, codec) if wanted else None
        for image, wanted in zip(images, kept.tolist(), strict=True)
    ]
    return encode_chunks(chunks, images[0].nbytes, codec=codec, shard_images=shard_images)


def encode_chunks(
    chunks: Sequence[bytes | memoryview | None], image_bytes: int, *, codec: Codec, shard_images: int
) -> Encoded:
    """Make a unit of images that are coded already, as `encode_unit` makes one of pixels.

    Args:
        chunks: at most `shard_images`; None for an image that is not kept.
        image_bytes: size of the pixels of one image.
        codec: how they are coded.
        shard_images: images a unit has, but for the last.
    """
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
    """Put a store together from unit files, not atomically; one image is in memory at a time.

    Args:
        folder: where the store goes; a store of that kind must not be there.
        shape: (N, S, S, 3).
        units: files with the content that `encode_unit` gave, in order.
        kind: of the store.
        codec: of the images in the units.
        shard_images: images a unit has, but for the last.
        attributes: values for JSON, noted in the store.

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
    """What training and evaluation ask of images; image i belongs to row i of the manifest."""

    shape: Shape  # (N, S, S, 3)
    attributes: dict[str, Any]  # what `prepare` noted: the format version and how the crops were made

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Gather images.

        Args:
            indices: (B,) numbers of images, in [0, N).

        Returns:
            (B, S, S, 3) uint8 RGB in the order of the indices. An image that was dropped is zeros.

        Raises:
            IndexError: an index is not in [0, N).
            StoreError: a file of the store is missing, truncated or damaged.
        """
        ...

    def views(self, indices: Sequence[int] | np.ndarray) -> Iterator[np.ndarray]:
        """Look at images one after the other, for who takes only a part of each.

        Args:
            indices: (B,) numbers of images, in [0, N).

        Returns:
            The images as `read` gives them, each (S, S, 3), maybe read-only; raw ones are not copied.

        Raises:
            IndexError: an index is not in [0, N).
            StoreError: a file of the store is missing, truncated or damaged.
        """
        return iter(self.read(indices))

    def check(self) -> None:
        """Check that every image is where the store says; no image is read.

        Raises:
            StoreError: a file of the store is missing, truncated or damaged.
        """
        ...


class Source(Protocol):
    """What each store offers: the coded bytes of its images."""

    layout: Layout
    attributes: dict[str, Any]

    def fetch(self, number: int, out: np.ndarray | None = None) -> np.ndarray | None:
        """Bytes of an image as stored.

        Args:
            number: of the image.
            out: contiguous uint8 array to read them into, of their size.

        Returns:
            The bytes, in `out` where that was given; None for an image that is not kept.

        Raises:
            StoreError: a file of the store is missing, truncated or damaged.
        """
        ...

    def place(self, number: int) -> Span | None:
        """Where the bytes of an image lie, for who looks at them there.

        Args:
            number: of the image.

        Returns:
            The place of its bytes; None for an image that is not kept.

        Raises:
            StoreError: a file of the store is missing, truncated or damaged.
        """
        ...

    def check(self) -> None:
        """Check that every image is where the store says, as `Reader.check` does."""
        ...


class Images(Reader):
    """The reader of every store; threads may share it, and it can be sent to another process.

    Args:
        path: the store.
        kind: of the store.

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

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Gather images, as every `Reader` does."""
        numbers = self._numbers(indices)
        images = np.empty((len(numbers), *self.shape[1:]), dtype=np.uint8)
        for number, image in zip(numbers, images, strict=True):
            self._read(number, image)
        return images

    def views(self, indices: Sequence[int] | np.ndarray) -> Iterator[np.ndarray]:
        """Look at images, as every `Reader` does."""
        return self._views(self._numbers(indices))

    def check(self) -> None:
        """Check every image's place, as every `Reader` does."""
        self._source.check()

    def digests(self, indices: Sequence[int] | np.ndarray) -> list[str | None]:
        """SHA-256 of what the store keeps of images: the pixels, or the JPEG files.

        Args:
            indices: (B,) numbers of images, in [0, N).

        Returns:
            Hexadecimal digests in the order of the indices, None for an image that is not kept.

        Raises:
            IndexError: an index is not in [0, N).
            StoreError: one of these images cannot be read; ask for single images to learn which.
        """
        found = []
        for number in self._numbers(indices):
            chunk = self._source.fetch(number)
            found.append(None if chunk is None else self._digest(number, chunk))
        return found

    def chunks(self, indices: Sequence[int] | np.ndarray) -> list[bytes | None]:
        """Bytes of images as stored, None for an image that is not kept; else as `digests`."""
        fetched = map(self._source.fetch, self._numbers(indices))
        return [None if chunk is None else chunk.tobytes() for chunk in fetched]

    def _views(self, numbers: list[int]) -> Iterator[np.ndarray]:
        """Views of images, while the system fetches the bytes of the next ones."""
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
        if span is None:
            return np.zeros(self.shape[1:], np.uint8)
        chunk = span.file.view(span.offset, span.size)
        try:
            return codecs.decoded(chunk, self.shape[1:], self.codec)
        except ValueError as error:
            raise damaged(self.path, f"image {number}: {error}") from None

    def _read(self, number: int, image: np.ndarray) -> None:
        if self.codec == "raw":  # read in place
            if self._source.fetch(number, image.reshape(-1)) is None:
                image[...] = 0
            return
        chunk = self._source.fetch(number)
        if chunk is None:
            image[...] = 0
            return
        try:
            codecs.decode(chunk, image, self.codec)
        except ValueError as error:
            raise damaged(self.path, f"image {number}: {error}") from None

    def _digest(self, number: int, chunk: np.ndarray) -> str:
        try:
            return codecs.digest(chunk, self.image_bytes, self.codec)
        except ValueError as error:
            raise damaged(self.path, f"image {number}: {error}") from None

    def _numbers(self, indices: Sequence[int] | np.ndarray) -> list[int]:
        numbers = np.asarray(indices, dtype=np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < self.shape[0]:
            raise IndexError(f"images {numbers.min()} to {numbers.max()} asked of a store of {self.shape[0]}")
        return numbers.tolist()


def open_images(folder: Path) -> Images:
    """Open the images of a prepared dataset.

    Args:
        folder: the dataset's folder.

    Raises:
        StoreError: there are no images, or they are damaged or written by a newer elimctl.
    """
    for kind, store in STORES.items():
        if (folder / store.NAME).exists():
            return Images(folder / store.NAME, kind)
    raise StoreError(f"no {' or '.join(NAMES)} in {folder}", hint="run elimctl prepare")
