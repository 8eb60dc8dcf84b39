"""Find and convert prepared datasets, and find files that can be deleted."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np

from elimctl.config import Config
from elimctl.errors import ConfigError, MissingError
from elimctl.manifest import parquet
from elimctl.prepare import assemble, gc, lock, rewrite
from elimctl.prepare.build import UNITS, read_record
from elimctl.prepare.gc import Garbage
from elimctl.store.codec import Codec
from elimctl.store.images import Kind, open_images
from elimctl.workspace import Workspace


class Target(Config):
    """Store and codec to convert a dataset to; None: unchanged."""

    to: Kind | None = None
    codec: Codec | None = None


def locate(place: Workspace, name: str | None) -> Path:
    """Return the folder of a prepared dataset, and complete an interrupted conversion of it.

    Raises:
        MissingError: the dataset does not exist, or no name was given and there are several.
        ConfigError: another process holds the lock of a dataset with an interrupted conversion.
    """
    if name is None:
        _complete_all(place)
    else:
        _complete(place.new_dataset(name))
    return place.dataset(name, hint="name one of these after the command")


def _complete(folder: Path) -> None:
    if (folder / assemble.STAGING / parquet.NAME).exists() and not (folder / parquet.NAME).exists():
        with lock.hold(folder):
            rewrite.finish(folder)


def _complete_all(place: Workspace) -> None:
    """Complete interrupted exchanges, but not of locked or read-only datasets."""
    for folder in _folders(place):
        with suppress(ConfigError, OSError):
            _complete(folder)


def prepared(place: Workspace) -> list[Path]:
    """List the folders of all prepared datasets by name, after completing interrupted conversions."""
    _complete_all(place)
    return sorted(file.parent for file in place.data.glob(f"*/{parquet.NAME}"))


def convert(folder: Path, out: Path, target: Target) -> Iterator[int]:
    """Convert a dataset to another store or codec, in its folder or in one without a dataset.

    `prepare` does not accept the result as current and prepares the dataset again.

    Yields:
        Number of images written since the last step; nothing if the dataset has the target already.

    Raises:
        ConfigError: `out` holds a dataset, or another process holds the lock of a folder.
        StoreError: the dataset is damaged.
        OSError: the disk is full, or the folder cannot be written.
    """
    images = open_images(folder)
    kind, codec = target.to or images.kind, target.codec or images.codec
    if out == folder and (kind, codec) == (images.kind, images.codec):
        return
    if out != folder and any((out / name).exists() for name in (parquet.NAME, UNITS)):
        raise ConfigError(
            f"{out} already holds a dataset, or its preparation was started",
            hint="choose another name with --as",
        )
    try:
        with ExitStack() as locks:
            locks.enter_context(lock.hold(out))
            if out != folder:
                locks.enter_context(lock.hold(folder, shared=True))
            table = parquet.read(folder)
            order = np.arange(table.num_rows)
            record = {**read_record(folder), "inputs": None}  # `prepare` would make another store
            yield from rewrite.rewrite(folder, out, table, order, kind=kind, codec=codec, record=record)
    finally:
        with suppress(OSError):  # the folder may be empty after an error
            out.rmdir()


@contextmanager
def garbage(place: Workspace, name: str | None) -> Iterator[list[Garbage]]:
    """Find files that can be deleted, and hold the locks of their datasets.

    Without the name of a dataset, prepared or not: all datasets and unpacked archives.

    Raises:
        MissingError: there is no folder of that name.
        ConfigError: a preparation is running in one of the folders.
    """
    if name is not None and not place.new_dataset(name).is_dir():
        raise MissingError(
            f"no dataset {name!r} under {place.data}", hint="list the names with elimctl data list"
        )
    folders = [place.new_dataset(name)] if name is not None else _folders(place)
    with ExitStack() as locks:
        for folder in folders:
            locks.enter_context(lock.hold(folder))
            rewrite.finish(folder)
        pieces = [piece for folder in folders for piece in gc.find(folder)]
        if name is None and (place.data / gc.UNPACKED).exists():
            locks.enter_context(lock.hold(place.data / gc.UNPACKED))
            pieces += gc.unpacked(place.data)
        yield pieces


def _folders(place: Workspace) -> list[Path]:
    if not place.data.is_dir():
        return []
    return sorted(path for path in place.data.iterdir() if path.is_dir() and not path.name.startswith("."))
