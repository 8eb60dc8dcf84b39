"""What can be done with prepared datasets: find them, convert them, free what they do not need."""

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
    """What a dataset's images are to become; None for what stays as it is."""

    to: Kind | None = None
    codec: Codec | None = None


def locate(place: Workspace, name: str | None) -> Path:
    """Folder of a prepared dataset; one whose rewriting was stopped at its last step is completed.

    Raises:
        MissingError: it is not there, or there are several and no name was given.
        ConfigError: it is to be completed, and another process is at work there.
    """
    if name is None:
        _complete_all(place)
    else:
        _complete(place.new_dataset(name))
    return place.dataset(name, hint="name one of these after the command")


def _complete(folder: Path) -> None:
    """Complete the exchange of a dataset that was stopped in the middle of it."""
    if (folder / assemble.STAGING / parquet.NAME).exists() and not (folder / parquet.NAME).exists():
        with lock.hold(folder):
            rewrite.finish(folder)


def _complete_all(place: Workspace) -> None:
    """Complete what can be: a dataset that another process is at work on, or that is read-only, is left."""
    for folder in _folders(place):
        with suppress(ConfigError, OSError):
            _complete(folder)


def prepared(place: Workspace) -> list[Path]:
    """Folders of all prepared datasets, by name; those whose rewriting was stopped are completed."""
    _complete_all(place)
    return sorted(file.parent for file in place.data.glob(f"*/{parquet.NAME}"))


def convert(folder: Path, out: Path, target: Target) -> Iterator[int]:
    """Write a dataset in another store, or coded otherwise.

    `prepare` takes the result for another dataset than it would make, and makes it anew if it is asked.

    Args:
        folder: of the dataset.
        out: where it goes; `folder` itself, or one that holds no dataset.
        target: the store and the codec to write.

    Yields:
        Numbers of images that were written since the last; nothing where nothing is to be done.

    Raises:
        ConfigError: `out` holds a dataset, or another process is at work in one of the folders.
        StoreError: the dataset is damaged.
        OSError: the disk is full, or the folder cannot be written.
    """
    images = open_images(folder)
    kind, codec = target.to or images.kind, target.codec or images.codec
    if out == folder and (kind, codec) == (images.kind, images.codec):
        return
    if out != folder and any((out / name).exists() for name in (parquet.NAME, UNITS)):
        raise ConfigError(f"{out} is a dataset already, or will be one", hint="choose another name with --as")
    try:
        with ExitStack() as locks:
            locks.enter_context(lock.hold(out))
            if out != folder:
                locks.enter_context(lock.hold(folder, shared=True))
            table = parquet.read(folder)
            order = np.arange(table.num_rows)
            record = {**read_record(folder), "inputs": None}  # from these, `prepare` would make another store
            yield from rewrite.rewrite(folder, out, table, order, kind=kind, codec=codec, record=record)
    finally:
        with suppress(OSError):  # nothing came of it
            out.rmdir()


@contextmanager
def garbage(place: Workspace, name: str | None) -> Iterator[list[Garbage]]:
    """What can be freed, while no preparation runs that may need it.

    Args:
        place: the workspace.
        name: of a dataset, prepared or not; None for all of them and for what archives were unpacked to.

    Raises:
        MissingError: there is no folder of that name.
        ConfigError: a preparation is running in one of the folders.
    """
    if name is not None and not place.new_dataset(name).is_dir():
        raise MissingError(
            f"no dataset {name!r} under {place.data}", hint="run elimctl data list for the names"
        )
    folders = [place.new_dataset(name)] if name is not None else _folders(place)
    with ExitStack() as locks:
        for folder in folders:
            locks.enter_context(lock.hold(folder))
            rewrite.finish(folder)
        found = [piece for folder in folders for piece in gc.find(folder)]
        if name is None and (place.data / gc.UNPACKED).exists():
            locks.enter_context(lock.hold(place.data / gc.UNPACKED))
            found += gc.unpacked(place.data)
        yield found


def _folders(place: Workspace) -> list[Path]:
    """Folders of all datasets, prepared or not."""
    if not place.data.is_dir():
        return []
    return sorted(path for path in place.data.iterdir() if path.is_dir() and not path.name.startswith("."))
