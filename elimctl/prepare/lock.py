"""One `prepare` at a time on one dataset."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from elimctl import processes
from elimctl.errors import ConfigError

NAME = ".lock"  # in the folder of the dataset


@contextmanager
def hold(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock of a dataset's folder; a process that dies lets go of it.

    On a file system without locks a notice is given, and nobody is kept out.

    Args:
        folder: the dataset's folder, made if it does not exist.
        shared: whether others may hold it too, if they share it likewise.

    Raises:
        ConfigError: another process holds it; the message tells which.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    with _locked(path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX) as file:
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        try:
            yield
        finally:
            if not shared:
                path.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[TextIO]:
    """The lock's file, open and locked."""
    while True:
        with path.open("a+", encoding="utf-8") as file:
            try:
                processes.lock(file, path, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _taken(path, file) from None
            if _is_still(file, path):
                yield file
                return


def _is_still(file: TextIO, path: Path) -> bool:
    """Whether an open file is the one of that name; whoever held it before may have removed it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _taken(path: Path, file: TextIO) -> ConfigError:
    file.seek(0)
    holder = file.read().strip() or "another process"
    return ConfigError(
        f"{path.parent} is being prepared or changed already, by {holder}",
        hint="wait until that ends, or prepare under another name with --name",
    )
