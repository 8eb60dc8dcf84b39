"""Images in zarr v3: an array (N, S, S, 3) of uint8, one image a chunk and many chunks a shard file.

JPEG files are stored in a group of the 1-D arrays `bytes` and `offsets`. The zarr library declares the
arrays, so any zarr reader opens them. Reading bypasses the library: it takes milliseconds for a random image,
one `pread` from the file hundredths of a millisecond.
"""

import json
import os
import resource
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from elimctl import atomic
from elimctl.errors import StoreError
from elimctl.store import codec, shard
from elimctl.store import layout as layouts
from elimctl.store.file import File, Span, damaged, unreadable
from elimctl.store.flat import OFFSET_BYTES, Flat
from elimctl.store.layout import Layout, Source
from elimctl.store.shard import Shard, Units

NAME = "images.zarr"  # in the folder of a prepared dataset
MOST_OPEN = 4096  # shards of 256 images of 256 px make 200 GB
BLOCK_BYTES = 2**20  # chunk of `bytes`: the least that zarr's own reader reads
BYTES, OFFSETS = "bytes", "offsets"
CODECS = {"raw": ["bytes"], "blosc": ["bytes", "blosc"]}  # of an image in a shard


class Declared(NamedTuple):
    """Layout in the metadata of an array; `inner` and `codecs` describe a chunk in a shard."""

    shape: list[int]
    data_type: str
    chunk: list[int]
    inner: list[int] | None
    codecs: list[str]
    index_codecs: tuple[list[str], str] | None = (["bytes", "crc32c"], "end")


def open_shards() -> int:
    """Return the number of shards to keep open: their files take a quarter of the process's limit.

    A shard in use may have two open files; opening a shard takes as long as reading three images.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_OPEN if limit == resource.RLIM_INFINITY else min(MOST_OPEN, max(1, limit // 8))


def shard_name(number: int) -> str:
    """Return the path of a shard file below the array's folder."""
    return f"c/{number}/0/0/0"


def write(folder: Path, layout: Layout, units: Units, *, attributes: Mapping[str, Any]) -> None:
    """Write a store from its units into a new folder, not atomically.

    Unit files become shards by hard links, or are copied if the file system has none. `attributes` are values
    for JSON to record beside the layout.
    """
    recorded = layout.attributes(attributes)
    if layout.codec == "jpeg":
        _write_flat(folder, units, recorded)
    else:
        _write_shards(folder, layout, units, recorded)
    for metadata in (*folder.glob("zarr.json"), *folder.glob("*/zarr.json")):
        atomic.sync(metadata)


def open(folder: Path) -> "Shards | Flat":  # noqa: A001 - store.zarr.open reads as zarr.open does
    """Open a store for reading.

    Raises:
        StoreError: the store is missing, damaged, or written by a newer elimctl.
    """
    metadata = _metadata(folder)
    attributes = metadata.get("attributes")
    recorded = attributes.get("elimctl") if isinstance(attributes, dict) else None
    layout, attributes = layouts.read(recorded, folder)
    if layout.codec == "jpeg":
        return _open_flat(folder, layout, attributes)
    _, *image = layout.shape
    wanted = Declared(
        list(layout.shape), "uint8", [layout.shard_images, *image], [1, *image], CODECS[layout.codec]
    )
    _compare(metadata, wanted, folder)
    return Shards(folder, layout, attributes)


class Shards(Source):
    """Reader of an array in shard files; threads may share it."""

    def __init__(self, folder: Path, layout: Layout, attributes: dict[str, Any]) -> None:
        self.layout, self.attributes = layout, attributes
        self._folder = folder
        self._empty = frozenset(attributes.get("empty_shards", ()))
        self._shards: OrderedDict[int, Shard] = OrderedDict()
        self._most_open = open_shards()
        self._lock = threading.Lock()

    def place(self, number: int) -> Span | None:
        """Return the place of an image's bytes, see `Source`."""
        shard_number, chunk = divmod(number, self.layout.shard_images)
        return None if shard_number in self._empty else self._keep_open(shard_number).place(chunk)

    def check(self) -> None:
        """Check every shard's size and index."""
        for number in range(-(-self.layout.shape[0] // self.layout.shard_images)):
            if number not in self._empty:
                self._open(number)

    def _keep_open(self, number: int) -> Shard:
        """Return an open shard and keep it open."""
        with self._lock:
            opened = self._shards.pop(number, None) or self._open(number)
            self._shards[number] = opened  # the most recently used shard is last
            if len(self._shards) > self._most_open:
                self._shards.popitem(last=False)
            return opened

    def _open(self, number: int) -> Shard:
        raw = self.layout.codec == "raw"
        return Shard(
            self._folder / shard_name(number),
            slots=self.layout.shard_images,
            chunk_bytes=self.layout.image_bytes if raw else None,
        )


def _write_shards(folder: Path, layout: Layout, units: Units, recorded: Mapping[str, Any]) -> None:
    """Write an array in shard files; `empty_shards` lists the shards without a file."""
    empty = {number for number, file in enumerate(units.files) if file.stat().st_size == 0}
    _declare(folder, layout, {"elimctl": {**recorded, "empty_shards": sorted(empty)}})
    for number, file in enumerate(units.files):
        if number not in empty:
            _link(file, folder / shard_name(number))


def _declare(folder: Path, layout: Layout, attributes: Mapping[str, Any]) -> None:
    _, *image = layout.shape
    blosc = BloscCodec(
        typesize=1,
        cname=codec.COMPRESSOR,  # type: ignore[arg-type]
        clevel=codec.LEVEL,
        shuffle="noshuffle",
        blocksize=layout.image_bytes,
    )
    zarr.create_array(
        zarr.storage.LocalStore(folder),
        shape=layout.shape,
        dtype="uint8",
        chunks=(1, *image),
        shards=(layout.shard_images, *image),
        compressors=blosc if layout.codec == "blosc" else None,
        filters=None,
        fill_value=0,
        attributes=dict(attributes),
    )


def _write_flat(folder: Path, units: Units, recorded: Mapping[str, Any]) -> None:
    """Write a group of the arrays `bytes`, one shard, and `offsets`, one chunk."""
    ends = units.chunk_ends()
    total = int(ends[-1])
    blocks = _blocks(total)
    group = zarr.create_group(zarr.storage.LocalStore(folder), attributes={"elimctl": dict(recorded)})
    common = {"compressors": None, "filters": None, "fill_value": 0}
    group.create_array(
        BYTES, shape=(total,), dtype="uint8", chunks=(BLOCK_BYTES,), shards=(blocks * BLOCK_BYTES,), **common
    )
    group.create_array(OFFSETS, shape=(len(ends) + 1,), dtype="int64", chunks=(len(ends) + 1,), **common)
    starts = np.arange(blocks, dtype=np.uint64) * np.uint64(BLOCK_BYTES)
    places = np.stack([starts, np.full(blocks, BLOCK_BYTES, np.uint64)], axis=1)
    with _creating(folder / BYTES / "c" / "0") as file:
        for chunk in units.chunks():
            if chunk is not None:
                file.write(chunk.data)
        file.truncate(blocks * BLOCK_BYTES)
        file.seek(0, os.SEEK_END)
        file.write(shard.index(places))
    with _creating(folder / OFFSETS / "c" / "0") as file:
        file.write(np.concatenate([[0], ends]).astype("<i8").data)


def _open_flat(folder: Path, layout: Layout, attributes: dict[str, Any]) -> Flat:
    count = layout.shape[0] + 1
    metadata = _metadata(folder / BYTES)
    total = _declared(metadata, folder / BYTES).shape[0]
    padded = _blocks(total) * BLOCK_BYTES
    wanted = Declared([total], "uint8", [padded], [BLOCK_BYTES], ["bytes"])
    _compare(metadata, wanted, folder / BYTES)
    wanted = Declared([count], "int64", [count], None, ["bytes"], None)
    _compare(_metadata(folder / OFFSETS), wanted, folder / OFFSETS)
    data, offsets = File(folder / BYTES / "c" / "0"), File(folder / OFFSETS / "c" / "0")
    wanted_size = padded + shard.index_bytes(_blocks(total))
    if data.size != wanted_size:
        raise damaged(data.path, f"{data.size} bytes, wanted {wanted_size}")
    Shard(
        data.path, slots=_blocks(total), chunk_bytes=BLOCK_BYTES
    )  # checks the index, which other readers use
    return Flat(Span(data, 0, total), Span(offsets, 0, OFFSET_BYTES * count), layout, attributes)


def _blocks(total: int) -> int:
    return max(1, -(-total // BLOCK_BYTES))


@contextmanager
def _creating(path: Path) -> Iterator[BinaryIO]:
    """Create a file and flush it to the disk at the end."""
    path.parent.mkdir(parents=True)
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _link(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True)
    try:
        target.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, target)
        atomic.sync(target)


def _metadata(folder: Path) -> dict[str, Any]:
    path = folder / "zarr.json"
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(f"no zarr array {folder}", hint="run elimctl prepare") from None
    except (ValueError, OSError) as error:
        raise unreadable(path, getattr(error, "errno", None), str(error)) from None
    return metadata if isinstance(metadata, dict) else {}


def _declared(metadata: Mapping[str, Any], folder: Path) -> Declared:
    try:
        chunk = metadata["chunk_grid"]["configuration"]["chunk_shape"]
        codecs, inner, index = metadata["codecs"], None, None
        if codecs[0]["name"] == "sharding_indexed":
            sharding = codecs[0]["configuration"]
            codecs, inner = sharding["codecs"], sharding["chunk_shape"]
            index = ([codec["name"] for codec in sharding["index_codecs"]], sharding["index_location"])
        names = [codec["name"] for codec in codecs]
        return Declared(list(metadata["shape"]), metadata["data_type"], chunk, inner, names, index)
    except (KeyError, TypeError, IndexError):
        raise StoreError(
            f"{folder} is not a zarr v3 array of images", hint="run elimctl prepare again"
        ) from None


def _compare(metadata: Mapping[str, Any], wanted: Declared, folder: Path) -> None:
    declared = _declared(metadata, folder)
    if declared != wanted:
        raise StoreError(
            f"the images in {folder} are laid out as {tuple(declared)}; wanted {tuple(wanted)}",
            hint="run elimctl prepare again",
        )
