"""Child processes: signals, end of the parent, locks between processes."""

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

WATCH_S = 0.5  # how often a process checks that its parent still runs
LOST = 75  # exit code of a rank that lost another one: EX_TEMPFAIL of sysexits.h


@contextmanager
def deaf() -> Iterator[None]:
    """Let processes that are started in this block ignore Ctrl-C; they inherit the setting."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set signal handlers
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def end_with(parent: int) -> None:
    """End this process when its parent (a process id) has ended."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def lock(file: IO, path: Path, kind: int) -> bool:
    """Lock an open file until it is closed or the process ends.

    Some file systems have no locks (NFS without a lock daemon, FUSE). A notice then warns the user.

    Args:
        file: open for writing.
        path: its path; the notice names the folder two levels up.
        kind: flags of `fcntl.flock`.

    Returns:
        False if the file system has no locks.

    Raises:
        BlockingIOError: another process holds the lock, and `kind` has LOCK_NB.
    """
    try:
        fcntl.flock(file, kind)
    except BlockingIOError:
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        where = f"{path.parent.parent} is on a file system without locks"
        warnings.warn(f"{where} ({reason}): run one elimctl at a time there", Notice, stacklevel=1)
        return False
    return True


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)
