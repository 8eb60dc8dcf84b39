"""What processes that another one starts have in common."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

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


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)
