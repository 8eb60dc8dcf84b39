"""What processes that another one starts have in common, and what keeps processes apart."""

import fcntl
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from elimctl.errors import Notice

WATCH_S = 0.5  # how often a process looks whether the one that started it is still there


@contextmanager
def deaf() -> Iterator[None]:
    """Have processes that are started meanwhile ignore Ctrl-C from their first moment, as they inherit."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what signals do
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def end_with(parent: int) -> None:
    """End this process when the one that started it has gone, however it went.

    Args:
        parent: number of that process.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def lock(file: IO, path: Path, kind: int) -> bool:
    """Lock an open file; a process that dies lets go of it.

    A file system may have no locks: NFS without its lock daemon, FUSE, some of clusters. A notice says so.

    Args:
        file: the file, open for writing.
        path: its path; the notice names the folder above its own, once for all datasets there.
        kind: as `fcntl.flock` takes it.

    Returns:
        Whether the file is locked; if not, the file system has no locks.

    Raises:
        BlockingIOError: another process holds it, and `kind` says not to wait.
    """
    try:
        fcntl.flock(file, kind)
    except BlockingIOError:
        raise
    except OSError as error:
        found = f"{path.parent.parent} is on a file system without locks"
        reason = (error.strerror or str(error)).lower()
        warnings.warn(f"{found} ({reason}): run one elimctl at a time there", Notice, stacklevel=1)
        return False
    return True


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)
