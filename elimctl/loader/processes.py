"""What is made step by step, made ahead of its use in processes of their own.

For what holds threads up, as transforms in Python do; else `prefetch` is faster to start and copies less.
"""

import atexit
import os
import pickle
import re
import signal
from collections.abc import Callable, Iterator
from multiprocessing import parent_process
from typing import Generic, TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from elimctl.errors import DataError, ElimctlError
from elimctl.processes import deaf

READY = 2  # steps that each worker has been asked for; with 1 it would wait until its last one is taken

Made = TypeVar("Made")


def prefetch_in_processes(
    make: Callable[[int], Made], steps: range, *, workers: int, pinned: bool
) -> Iterator[Made]:
    """What `make` gives for each step, in order.

    Args:
        make: a pure function of the step that can be pickled; tensors in what it gives come by shared memory.
        steps: the steps.
        workers: processes that make it ahead, > 0.
        pinned: whether what has a method `pin_memory` is pinned, by a thread of this process.

    Raises:
        ElimctlError: whatever `make` raises, at the step for which it does.
        DataError: a process died.
        Exception: what else `make` raises, as another of its type that tells where it came from.
    """
    if not steps:
        return
    loader = DataLoader(
        _Steps(pickle.dumps(make)),
        sampler=steps,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=READY,
        multiprocessing_context="spawn",  # a fork of a process with threads may hang
        worker_init_fn=_start_worker,
        generator=torch.Generator(),  # its own: the global one belongs to the training
        pin_memory=pinned,
    )
    with deaf():
        coming = iter(loader)
    for _ in steps:
        yield _unwrapped(_next(coming))


class _Failure:
    """An error on its way here; the loader would make another one of its text, and lose the hint."""

    def __init__(self, error: ElimctlError) -> None:
        self.error = error


class _Steps(Dataset[Made | _Failure], Generic[Made]):
    """What is made for each step.

    Args:
        sent: the function that makes it, pickled: an error of its unpickling comes like any other.
    """

    def __init__(self, sent: bytes) -> None:
        self._sent = sent
        self._make: Callable[[int], Made] | None = None

    def __getitem__(self, step: int) -> Made | _Failure:
        try:
            if self._make is None:
                self._make = pickle.loads(self._sent)
            return self._make(step)
        except ElimctlError as error:
            return _Failure(error)


def _next(coming: Iterator[Made]) -> Made:
    try:
        return next(coming)
    except RuntimeError as error:
        if re.match(r"DataLoader worker \(pid", str(error)) is None:
            raise
        raise DataError(
            f"a worker died, perhaps of a lack of memory: {error}",
            hint="train with fewer workers, or add --set train.worker_kind=thread",
        ) from None


def _unwrapped(made: Made | _Failure) -> Made:
    if isinstance(made, _Failure):
        raise made.error
    return made


def _start_worker(_: int) -> None:
    """Set up a worker: one thread, and deaf to Ctrl-C, for when it ends is up to its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    atexit.register(os._exit, 0)  # an interpreter that ends while a thread sends a tensor aborts the process
    cv2.setNumThreads(1)
    parent = parent_process()
    if parent is not None and not parent.is_alive():  # the loader looks only whether the parent changes
        os._exit(1)
