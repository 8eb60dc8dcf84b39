"""What takes space under `data/` and serves no prepared dataset any more."""

import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elimctl.errors import StoreError
from elimctl.manifest import parquet
from elimctl.prepare import assemble, stream
from elimctl.prepare.build import UNITS, read_record
from elimctl.store import features
from elimctl.store.images import NAMES, STORES

UNPACKED = ".unpacked"  # below data/: what archives of raw datasets hold


@dataclass(frozen=True, slots=True)
class Garbage:
    """A file or folder that can go.

    Args:
        path: where it is.
        size: bytes that are freed with it.
        why: why nothing needs it.
    """

    path: Path
    size: int
    why: str


def find(folder: Path) -> Iterator[Garbage]:
    """Find what a dataset's folder holds and the dataset does not need; hold its lock.

    Args:
        folder: the dataset's folder, with a manifest or without.

    Yields:
        Files and folders, none within another.
    """
    for name in (UNITS, assemble.STAGING):
        if (folder / name).exists():
            yield _garbage(folder / name, "left by a preparation that was stopped; it would go on from there")
    if (folder / assemble.REPLACED).exists():
        yield _garbage(folder / assemble.REPLACED, "an earlier dataset that was replaced")
    for path in sorted([*folder.glob(".*.tmp"), *(folder / features.FOLDER).glob(".*.tmp")]):
        yield _garbage(path, "left by a writer that was stopped")
    if (folder / parquet.NAME).exists():
        yield from _unused_stores(folder)
        yield from _unused_features(folder)


def unpacked(data: Path) -> Iterator[Garbage]:
    """Find what archives were unpacked to; no preparation may be running.

    Args:
        data: the folder of all datasets.
    """
    if (data / UNPACKED).exists():
        yield _garbage(data / UNPACKED, "unpacked archives; only preparing from them again needs it")


def remove(garbage: Garbage) -> None:
    """Remove a file or folder.

    Raises:
        OSError: it cannot be removed.
    """
    if garbage.path.is_dir() and not garbage.path.is_symlink():
        shutil.rmtree(garbage.path)
    else:
        garbage.path.unlink(missing_ok=True)


def disk_bytes(path: Path, *, freed: bool = False) -> int:
    """Bytes that a file or folder takes on the disk.

    Args:
        path: the file or folder; symbolic links in it are not followed.
        freed: count only what removing it would free: not a file that has a link elsewhere.
    """
    files = [path] if not path.is_dir() or path.is_symlink() else path.rglob("*")
    found = (file.lstat() for file in files)
    return sum(
        512 * file.st_blocks  # POSIX: blocks of 512 bytes, whatever the file system's own are
        for file in found
        if not stat.S_ISDIR(file.st_mode) and not (freed and file.st_nlink > 1)
    )


def _garbage(path: Path, why: str) -> Garbage:
    return Garbage(path, disk_bytes(path, freed=True), why)


def _unused_stores(folder: Path) -> Iterator[Garbage]:
    """Stores beside the one that the dataset's record names."""
    used = read_record(folder).get("settings", {}).get("store")
    if used in STORES:
        for name in NAMES:
            if name != STORES[used].NAME and (folder / name).exists():
                yield _garbage(folder / name, f"the manifest's images are in {STORES[used].NAME}")


def _unused_features(folder: Path) -> Iterator[Garbage]:
    """Caches of features that no longer belong to the dataset's images, or cannot be read."""
    keys = features.find(folder)
    content = stream.content(folder) if keys else None
    for key in keys:
        path = folder / features.FOLDER / f"{key}.zarr"
        try:
            facts = features.open(folder, key).attributes.get("facts", {})
        except StoreError as error:
            yield _garbage(path, error.message)
            continue
        if facts.get("content") != content:
            yield _garbage(path, "features of images that the dataset no longer has")
