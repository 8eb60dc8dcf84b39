"""Find and delete files under `data/` that no prepared dataset needs."""

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

UNPACKED = ".unpacked"  # below data/: unpacked archives of raw datasets


@dataclass(frozen=True, slots=True)
class Garbage:
    """A file or folder that can be deleted: path, bytes that this frees, and why it is not needed."""

    path: Path
    size: int
    why: str


def find(folder: Path) -> Iterator[Garbage]:
    """Find files and folders in a dataset's folder that the dataset does not need.

    The caller holds the lock of the folder. The folder may lack a manifest.
    """
    for name in (UNITS, assemble.STAGING):
        if (folder / name).exists():
            yield _garbage(folder / name, "left by a stopped elimctl prepare, which could resume from it")
    if (folder / assemble.REPLACED).exists():
        yield _garbage(folder / assemble.REPLACED, "an earlier dataset that was replaced")
    for path in sorted([*folder.glob(".*.tmp"), *(folder / features.FOLDER).glob(".*.tmp")]):
        yield _garbage(path, "left by a stopped command")
    if (folder / parquet.NAME).exists():
        yield from _unused_stores(folder)
        yield from _unused_features(folder)


def unpacked(data: Path) -> Iterator[Garbage]:
    """Find unpacked archives below the folder of all datasets; no preparation may be running."""
    if (data / UNPACKED).exists():
        yield _garbage(data / UNPACKED, "unpacked archives; only elimctl prepare needs them")


def remove(garbage: Garbage) -> None:
    """Delete a file or folder."""
    if garbage.path.is_dir() and not garbage.path.is_symlink():
        shutil.rmtree(garbage.path)
    else:
        garbage.path.unlink(missing_ok=True)


def disk_bytes(path: Path, *, freed: bool = False) -> int:
    """Return the size of a file or folder on the disk, bytes; symbolic links are not followed.

    With `freed`, count only bytes that deleting it frees: no file with another hard link.
    """
    files = [path] if not path.is_dir() or path.is_symlink() else path.rglob("*")
    statuses = (file.lstat() for file in files)
    return sum(
        512 * status.st_blocks  # POSIX: blocks of 512 bytes on every file system
        for status in statuses
        if not stat.S_ISDIR(status.st_mode) and not (freed and status.st_nlink > 1)
    )


def _garbage(path: Path, why: str) -> Garbage:
    return Garbage(path, disk_bytes(path, freed=True), why)


def _unused_stores(folder: Path) -> Iterator[Garbage]:
    """Find stores that the dataset's record does not name."""
    used = read_record(folder).get("settings", {}).get("store")
    if used in STORES:
        for name in NAMES:
            if name != STORES[used].NAME and (folder / name).exists():
                yield _garbage(folder / name, f"the manifest's images are in {STORES[used].NAME}")


def _unused_features(folder: Path) -> Iterator[Garbage]:
    """Find cached features of other images, or that cannot be read."""
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
