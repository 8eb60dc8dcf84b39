"""Folders that are made once and used again, each named by what determines its content."""

import fcntl
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from elimctl import processes

FORMAT = 2  # part of every key; raised when the same archive would be unpacked otherwise


def key(facts: object) -> str:
    """Name of the folder that these facts, values for JSON, determine."""
    return hashlib.sha256(json.dumps([FORMAT, facts], sort_keys=True).encode()).hexdigest()[:32]


def published(cache: Path, name: str, fill: Callable[[Path], None], *, force: bool = False) -> Path:
    """A folder of the cache, filled if it is not there; it is there whole or not at all.

    Of several processes that want it one fills it, and the others wait. Where the file system has no locks,
    each fills its own, and the first to end has it published.

    Args:
        cache: where folders are kept.
        name: of the folder, a `key`.
        fill: given an empty folder, writes what it shall hold.
        force: fill it although it is there.

    Raises:
        OSError: the cache cannot be written, or the disk is full; nothing half is left in it.
    """
    folder = cache / name
    if folder.is_dir() and not force:
        return folder
    with _locked(cache) as alone:
        if folder.is_dir() and not force:
            return folder
        for leftover in cache.glob(".*.tmp") if alone else ():
            shutil.rmtree(leftover)
        beside = cache / f".{name}.{socket.gethostname()}.{os.getpid()}.tmp"
        try:
            beside.mkdir()
            fill(beside)
            os.sync()  # one call for what may be a million files
            _exchange(beside, folder)
        except OSError as error:
            error.filename = error.filename or os.fspath(cache)  # a disk that is full names no file
            raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return folder


def _exchange(beside: Path, folder: Path) -> None:
    """Rename a folder that is complete; one of that name gives way."""
    if folder.is_dir():
        replaced = beside.with_name(f"{beside.name.removesuffix('.tmp')}.replaced.tmp")
        folder.rename(replaced)
        beside.rename(folder)
        shutil.rmtree(replaced)
    else:
        beside.rename(folder)


@contextmanager
def _locked(cache: Path) -> Iterator[bool]:
    """Be the only process that writes to a cache, if its file system has locks; a killed one holds nothing.

    Yields:
        Whether this process is the only one.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / ".lock"
    with path.open("ab") as lock:
        yield processes.lock(lock, path, fcntl.LOCK_EX)
