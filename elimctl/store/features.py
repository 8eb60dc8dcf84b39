"""Features cached beside the images: `features/<key>.zarr`, a zarr v3 array (N, d) of float32.

The key is the hash of all facts that the features depend on. A changed setting or model gives another key.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from elimctl import atomic
from elimctl.errors import StoreError
from elimctl.manifest import parquet
from elimctl.store import shard
from elimctl.store.file import File, damaged, unreadable

FOLDER = "features"  # in the folder of a prepared dataset
BLOCK = 256  # rows: the least that zarr's own reader reads
DATA = "c/0/0"  # the values, row after row, then the index of the blocks
HASHED_BYTES = 2**24  # bytes that `check` reads at a time


def content(digests: Iterable[str | None]) -> str:
    """Hash the manifest's column `image_sha256` (None for dropped rows): the fact `content` of a key."""
    hashed = hashlib.sha256()
    for digest in digests:
        hashed.update(f"{digest}\n".encode())
    return hashed.hexdigest()


def key(facts: Mapping[str, Any]) -> str:
    """Compute the key of features, 32 hexadecimal digits, from facts that are values for JSON.

    Facts are all that the features depend on: `content`, crop settings, the model's hash, and others.
    """
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def write(folder: Path, key: str, features: Iterable[np.ndarray], *, attributes: Mapping[str, Any]) -> None:
    """Write features atomically; existing features of the key are replaced.

    Args:
        folder: the dataset's folder.
        key: key of `attributes["facts"]`.
        features: batches (n, d) of float32, in total one row for each row of the manifest; NaN if dropped.
        attributes: values for JSON to record.

    Raises:
        OSError: the disk is full, or the folder cannot be written; no file is left.
    """
    assert key == _key(attributes["facts"]), "a key that does not fit the facts would serve a stale cache"
    target = _place(folder, key)
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        (beside / DATA).parent.mkdir(parents=True)
        shape, digest = _write_values(beside / DATA, features)
        _declare(beside, shape, {**attributes, "format": parquet.FORMAT, "sha256": digest})
        atomic.sync(beside / "zarr.json")
        shutil.rmtree(target, ignore_errors=True)
        beside.rename(target)
        atomic.sync(target.parent)
    except OSError as error:
        error.filename = error.filename or str(target)  # the error of a full disk names no file
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def find(folder: Path) -> list[str]:
    """List the keys of the cached features in a dataset's folder, sorted."""
    return sorted(file.parent.stem for file in (folder / FOLDER).glob("[!.]*.zarr/zarr.json"))


def open(folder: Path, key: str) -> "Features":  # noqa: A001 - store.features.open reads as zarr.open does
    """Open the features of a key in a dataset's folder.

    Raises:
        StoreError: the features are missing, damaged, or written by a newer elimctl.
    """
    return Features(_place(folder, key))


class Features:
    """Reader of features; threads may share it, and it can be sent to another process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shape, self.attributes = _metadata(path)
        parquet.check(self.attributes.get("format"), path)
        self._file = File(path / DATA)
        wanted = self._value_bytes(_padded(self.shape[0])) + shard.index_bytes(_blocks(self.shape[0]))
        if self._file.size != wanted:
            raise damaged(path / DATA, f"{self._file.size} bytes, wanted {wanted}")

    def __reduce__(self) -> tuple[Any, ...]:
        return Features, (self.path,)

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Read the features (B, d) float32 of rows (B,) in [0, N), in that order; NaN for dropped rows.

        Raises:
            IndexError: an index is not in [0, N).
            StoreError: the file was shortened since it was opened.
        """
        numbers = np.asarray(indices, dtype=np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < self.shape[0]:
            raise IndexError(
                f"rows {numbers.min()} to {numbers.max()} requested of features of {self.shape[0]} rows"
            )
        features = np.empty((len(numbers), self.shape[1]), "<f4")
        breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
        for place, run in zip([0, *breaks.tolist()], np.split(numbers, breaks), strict=True):
            if run.size:  # consecutive rows are read at once
                values = features[place : place + len(run)].reshape(-1).view(np.uint8)
                self._file.read(self._value_bytes(int(run[0])), values.nbytes, values)
        return features

    def check(self) -> None:
        """Check that every value is unchanged.

        Raises:
            StoreError: a value changed, or the key does not fit the facts.
        """
        if self.path.stem != _key(self.attributes.get("facts", {})):
            raise damaged(self.path, "its name is not the key of its facts")
        digest, end = hashlib.sha256(), self._value_bytes(self.shape[0])
        for start in range(0, end, HASHED_BYTES):
            digest.update(self._file.read(start, min(HASHED_BYTES, end - start)).data)
        if digest.hexdigest() != self.attributes.get("sha256"):
            raise damaged(self.path, "its values changed")
        shard.Shard(
            self.path / DATA, slots=_blocks(self.shape[0])
        )  # checks the index, which other readers use

    def _value_bytes(self, rows: int) -> int:
        return 4 * self.shape[1] * rows


_key = key  # for functions with an argument `key`


def _place(folder: Path, key: str) -> Path:
    return folder / FOLDER / f"{key}.zarr"


def _write_values(path: Path, features: Iterable[np.ndarray]) -> tuple[tuple[int, int], str]:
    """Write the values of all batches; return their shape and SHA-256."""
    count, width, digest = 0, 0, hashlib.sha256()
    with path.open("xb") as file:
        for batch in features:
            values = np.ascontiguousarray(batch, "<f4")
            count, width = count + len(values), values.shape[1]
            digest.update(values.data)
            file.write(values.data)
        row_bytes = 4 * width
        file.truncate(_padded(count) * row_bytes)
        file.seek(0, os.SEEK_END)
        starts = np.arange(_blocks(count), dtype=np.uint64) * np.uint64(BLOCK * row_bytes)
        file.write(shard.index(np.stack([starts, np.full_like(starts, BLOCK * row_bytes)], axis=1)))
        file.flush()
        os.fsync(file.fileno())
    return (count, width), digest.hexdigest()


def _declare(folder: Path, shape: tuple[int, int], attributes: Mapping[str, Any]) -> None:
    zarr.create_array(
        zarr.storage.LocalStore(folder),
        shape=shape,
        dtype="float32",
        chunks=(BLOCK, shape[1]),
        shards=(_padded(shape[0]), shape[1]),
        compressors=None,
        filters=None,
        fill_value=0.0,
        attributes={"elimctl": dict(attributes)},
    )


def _metadata(path: Path) -> tuple[tuple[int, int], dict[str, Any]]:
    file = path / "zarr.json"
    try:
        metadata = json.loads(file.read_text(encoding="utf-8"))
        [count, width], attributes = metadata["shape"], metadata["attributes"]["elimctl"]
    except FileNotFoundError:
        raise StoreError(f"no features {path}", hint="run elimctl features extract") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unreadable(file, getattr(error, "errno", None), str(error)) from None
    if not isinstance(attributes, dict) or not all(isinstance(size, int) for size in (count, width)):
        raise damaged(file, f"it records the shape {metadata['shape']} and {attributes!r}")
    return (count, width), attributes


def _blocks(count: int) -> int:
    return max(1, -(-count // BLOCK))


def _padded(count: int) -> int:
    """Return the number of rows with the padding of the last block."""
    return _blocks(count) * BLOCK
