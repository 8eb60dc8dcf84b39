"""The lock of a dataset's folder: one process prepares or changes a dataset at a time."""

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
    """Hold the lock of a dataset's folder, which is created if needed; the lock ends with the process.

    With `shared`, other processes may share it. A file system without locks gives a notice and no protection.

    Raises:
        ConfigError: another process holds the lock; the message names it.
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
    while True:
        with path.open("a+", encoding="utf-8") as file:
            try:
                processes.lock(file, path, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _taken(path, file) from None
            if _is_current(file, path):
                yield file
                return


def _is_current(file: TextIO, path: Path) -> bool:
    """Whether an open file is still the file at the path; its last holder may have removed it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _taken(path: Path, file: TextIO) -> ConfigError:
    file.seek(0)
    holder = file.read().strip() or "another process"
    return ConfigError(
        f"{path.parent} is being prepared or changed by {holder}",
        hint="wait until it ends, or use another name with --name",
    )
