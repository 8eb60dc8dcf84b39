"""Images as a zarr v3 array (N, S, S, 3) of uint8: one image a chunk, many chunks a shard file.

The zarr library writes, so any zarr reader opens the result. Reading goes round it: a random image through
zarr-python costs milliseconds, one `pread` from the shard file hundredths of one.
"""

import json
import shutil
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore, MemoryStore

from elimctl import atomic
from elimctl.errors import StoreError
from elimctl.manifest import version
from elimctl.store import gather
from elimctl.store.shard import Shard

NAME = "images.zarr"  # in the folder of a prepared dataset
OPEN_SHARDS = 256  # files held open; well below the usual limit of 1024 a process

Shape = tuple[int, int, int, int]  # (N, S, S, 3)


def shard_name(number: int) -> str:
    """Path of a shard file below the array's folder."""
    return f"c/{number}/0/0/0"


def encode_shard(images: np.ndarray, *, shard_images: int) -> bytes:
    """Encode the images of one shard.

    Args:
        images: (n, S, S, 3) uint8, n <= `shard_images`; an image of zeros takes no space.
        shard_images: images a shard.

    Returns:
        The bytes of the shard file; none when all images are zeros, as zarr then writes no file.
    """
    files: dict[str, Any] = {}
    shape = (shard_images, *images.shape[1:])
    array = _create(MemoryStore(files), shape, shard_images=shard_images, attributes={})
    array[: len(images)] = images
    return files[shard_name(0)].to_bytes() if shard_name(0) in files else b""


def decode_shard(file: Path, shape: Shape, *, shard_images: int) -> np.ndarray:
    """The first images of a shard file.

    Args:
        file: what `encode_shard` gave, an empty file included.
        shape: (n, S, S, 3), n <= `shard_images`.
        shard_images: images a shard.

    Raises:
        StoreError: the file is damaged.
    """
    images = np.zeros(shape, np.uint8)
    if file.stat().st_size:
        shard = Shard(file, chunks=shard_images, chunk_bytes=images[0].nbytes)
        for chunk, image in enumerate(images):
            shard.read(chunk, image)
    return images


def write(
    folder: Path, shape: Shape, shards: Sequence[Path], *, shard_images: int, attributes: Mapping[str, Any]
) -> None:
    """Write an array from its shards, not atomically.

    Args:
        folder: where the array goes; must not exist.
        shape: (N, S, S, 3).
        shards: files that hold what `encode_shard` gave, in order; they become the array's by a hard link,
            or are copied where the file system has none.
        shard_images: images a shard.
        attributes: values for JSON, noted beside the format version and the shards that have no file.
    """
    empty = [number for number, file in enumerate(shards) if file.stat().st_size == 0]
    noted = {**attributes, "format": version.FORMAT, "empty_shards": empty}
    _create(LocalStore(folder), shape, shard_images=shard_images, attributes={"elimctl": noted})
    for number, file in enumerate(shards):
        if number not in empty:
            _link(file, folder / shard_name(number))


def open(folder: Path) -> "Images":  # noqa: A001 - store.zarr.open reads as zarr.open does
    """Open an array for reading.

    Raises:
        StoreError: it is missing, damaged, compressed, or written by a newer elimctl.
    """
    return Images(folder)


class Images:
    """Reader of an array; may be shared by threads, and sent to another process.

    Args:
        folder: the array's folder.
    """

    def __init__(self, folder: Path) -> None:
        noted = _read_metadata(folder)
        self.folder = folder
        self.attributes = _our_attributes(noted)
        version.check(self.attributes.get("format"), folder)
        self.shape, self._shard_images = _layout(noted, folder)
        self._empty = frozenset(self.attributes["empty_shards"])
        self._shards: OrderedDict[int, Shard] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Images, (self.folder,)

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Gather images, as every `Reader` does."""
        return gather.gather(indices, self.shape, self._read)

    def check(self) -> None:
        """Check every shard's size and index, as every `Reader` does."""
        count = self.shape[0]
        for number in range(-(-count // self._shard_images)):
            if number not in self._empty:
                self._open(number)

    def _read(self, number: int, image: np.ndarray) -> None:
        shard, chunk = divmod(number, self._shard_images)
        if shard in self._empty:
            image[...] = 0
        else:
            self._keep_open(shard).read(chunk, image)

    def _keep_open(self, number: int) -> Shard:
        """A shard, from those held open where it is among them."""
        with self._lock:
            shard = self._shards.pop(number, None) or self._open(number)
            self._shards[number] = shard  # the last is the one used last
            if len(self._shards) > OPEN_SHARDS:
                self._shards.popitem(last=False)
            return shard

    def _open(self, number: int) -> Shard:
        _, height, width, channels = self.shape
        path = self.folder / shard_name(number)
        return Shard(path, chunks=self._shard_images, chunk_bytes=height * width * channels)


def _create(
    store: LocalStore | MemoryStore,
    shape: tuple[int, ...],
    *,
    shard_images: int,
    attributes: Mapping[str, Any],
) -> zarr.Array:
    return zarr.create_array(
        store,
        shape=shape,
        dtype="uint8",
        chunks=(1, *shape[1:]),
        shards=(shard_images, *shape[1:]),
        compressors=None,
        filters=None,
        fill_value=0,
        attributes=dict(attributes),
    )


def _link(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True)
    try:
        target.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, target)
        atomic.sync(target)


def _read_metadata(folder: Path) -> dict[str, Any]:
    path = folder / "zarr.json"
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(f"no zarr array {folder}", hint="run elimctl prepare") from None
    except (ValueError, OSError) as error:
        raise StoreError(f"{path} is damaged: {error}", hint="run elimctl prepare again") from None
    return noted if isinstance(noted, dict) else {}


def _our_attributes(noted: Mapping[str, Any]) -> dict[str, Any]:
    attributes = noted.get("attributes")
    ours = attributes.get("elimctl") if isinstance(attributes, dict) else None
    return {"empty_shards": [], **ours} if isinstance(ours, dict) else {}


def _layout(noted: Mapping[str, Any], folder: Path) -> tuple[Shape, int]:
    """Shape of the array and images a shard, after checking that the array has the layout of `write`."""
    try:
        count, height, width, channels = noted["shape"]
        [sharding] = noted["codecs"]
        [shard_images, *shard] = noted["chunk_grid"]["configuration"]["chunk_shape"]
        inner = sharding["configuration"]
        codecs = [codec["name"] for codec in inner["codecs"]]
        index = [codec["name"] for codec in inner["index_codecs"]]
        found = (noted["data_type"], shard, inner["chunk_shape"], index, inner["index_location"])
    except (KeyError, TypeError, ValueError):
        raise StoreError(
            f"{folder} is no sharded zarr v3 array of images", hint="run elimctl prepare again"
        ) from None
    if codecs != ["bytes"]:
        raise StoreError(
            f"the images in {folder} are coded with {', '.join(codecs)}; wanted raw bytes",
            hint="run elimctl prepare again, which stores them raw",
        )
    image = [height, width, channels]
    wanted = ("uint8", image, [1, *image], ["bytes", "crc32c"], "end")
    if found != wanted:
        raise StoreError(
            f"the images in {folder} are laid out as {found}; wanted {wanted}",
            hint="run elimctl prepare again",
        )
    return (count, height, width, channels), shard_images
