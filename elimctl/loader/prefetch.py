"""What is made step by step, made ahead of its use."""

import atexit
import os
import pickle
import re
import signal
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from math import prod
from multiprocessing import parent_process
from typing import Generic, Literal, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from elimctl.errors import ConfigError, DataError, ElimctlError
from elimctl.processes import deaf

WAITING = 1  # steps waiting beside those being made; more only costs memory

Made = TypeVar("Made")


def prefetch(make: Callable[[int], Made], steps: range, *, workers: int) -> Iterator[Made]:
    """What `make` gives for each step, in order.

    Args:
        make: a pure function of the step; so neither the number of workers nor their pace changes a value.
        steps: the steps.
        workers: threads that make it ahead; 0: none, a step is made when it is asked for.

    Raises:
        Exception: whatever `make` raises, at the step for which it does.
    """
    if not workers:
        yield from map(make, steps)
        return
    coming = iter(steps)
    with ThreadPoolExecutor(workers, thread_name_prefix="prefetch") as pool:
        ahead: deque[Future[Made]] = deque()
        try:
            for step in islice(coming, workers + 1 + WAITING):
                ahead.append(pool.submit(make, step))
            while ahead:
                yield ahead.popleft().result()  # no name for it: it is the caller's alone, and may be freed
                for step in islice(coming, 1):
                    ahead.append(pool.submit(make, step))
        finally:
            for pending in ahead:
                pending.cancel()


Memory = Literal["plain", "pinned", "shared"]


class Buffers:
    """Buffers that are used again once nothing refers to the tensor in them; threads may share them.

    Args:
        memory: `pinned`: copies to a CUDA device do not wait; `shared`: what is sent to another process is
            not copied, and not used again here.
    """

    def __init__(self, memory: Memory = "plain") -> None:
        self.memory = memory
        self._free: defaultdict[tuple[int, ...], list[np.ndarray]] = defaultdict(list)

    def take(self, shape: tuple[int, ...]) -> Tensor:
        """A buffer of uint8 with any content.

        Args:
            shape: of the buffer.

        Raises:
            ConfigError: there is no shared memory left.
        """
        if self.memory == "shared":
            return _shared(shape)
        if self.memory == "pinned":
            # torch uses pinned memory again itself, after the copies from it that are under way
            return torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        free = self._free[shape]
        try:
            memory = free.pop()
        except IndexError:
            memory = np.empty(shape, np.uint8)
        lent = memory[:]  # held by the tensor's storage, and that by whatever shares it
        weakref.finalize(lent, free.append, memory).atexit = False
        return torch.from_numpy(lent)


def _shared(shape: tuple[int, ...]) -> Tensor:
    """Memory that other processes may map; `Tensor.share_memory_` would copy into it what is there before."""
    size = prod(shape)
    try:
        storage = torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise ConfigError(
            f"no {size / 1e6:.1f} MB of shared memory for a batch: {str(error).splitlines()[0]}",
            hint="add --set train.worker_kind=thread, or enlarge /dev/shm",
        ) from None
    return torch.empty(0, dtype=torch.uint8).set_(storage).view(shape)


REQUESTED = 2  # steps that each worker has been asked for; with 1 it would wait until its last one is taken


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
        prefetch_factor=REQUESTED,
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
            f"a worker died, perhaps for lack of memory: {error}",
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
