"""Run the units of work: in this process, in processes of this machine, or on a Ray cluster.

All give the same units in the same order, because a unit depends only on its rows and the settings.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from ctypes import c_bool
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from elimctl import plugins
from elimctl.errors import DataError, MissingError
from elimctl.faces.face import Detector
from elimctl.faces.options import DetectorOptions
from elimctl.manifest.row import Row
from elimctl.prepare import unit
from elimctl.prepare.extract import Outcome
from elimctl.prepare.row_index import Spool
from elimctl.prepare.settings import PrepareSettings
from elimctl.processes import deaf, end_with

Work = Generator[Outcome, None, str]  # a running unit: yields the outcome of each row, returns its name
Done = tuple[str, list[Outcome]]  # a finished unit: its name and the outcome of each row
Ticket = TypeVar("Ticket")

AHEAD = 2  # units submitted for each worker: one running, one waiting


@dataclass(frozen=True, slots=True)
class Task:
    """A unit of work; any process that sees the same files can run it."""

    spool: Spool  # reader of the rows
    start: int  # number of the first row
    stop: int  # number after the last row
    root: Path  # the raw root
    folder: Path  # folder of finished units
    settings: PrepareSettings  # settings of `prepare`

    def rows(self) -> list[Row]:
        """Read the rows of the unit."""
        return [numbered.row for numbered in self.spool.between(self.start, self.stop)]

    def work(self, detector: Detector) -> Work:
        """Run the unit, unless it is finished."""
        return unit.run(self.rows(), self.root, self.folder, settings=self.settings, detector=detector)


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def here(tasks: Iterable[Task], detector: Detector) -> Iterator[Work]:
    """Run the units in this process, one row at a time."""
    for task in tasks:
        yield task.work(detector)


def processes(tasks: Iterable[Task], *, workers: int) -> Iterator[Work]:
    """Run the units in worker processes of this machine; yield them in order.

    Raises:
        DataError: a process died, usually for lack of memory; finished units are kept.
    """
    context = get_context("spawn")  # a forked process that runs onnxruntime may hang
    stop = context.RawValue(c_bool, False)  # without a lock, because a killed worker would keep it
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(stop, os.getpid())
    )
    try:
        with deaf():
            for _ in range(workers):
                pool.submit(_nothing)  # starts a worker
        for future in _ahead(tasks, lambda task: pool.submit(do, task), workers=workers):
            done = future.result()
            yield _replay(done)
    except BrokenProcessPool:
        raise DataError(
            "a worker process died, perhaps for lack of memory; finished units are kept",
            hint="run the same command again with a smaller --workers",
        ) from None
    finally:
        stop.value = True
        pool.shutdown(cancel_futures=True)


def ray_tasks(tasks: Iterable[Task]) -> Iterator[Work]:
    """Run the units on the Ray cluster of `RAY_ADDRESS`, or on this machine; yield them in order.

    Every node must see the raw root and the workspace under the same paths.

    Raises:
        MissingError: Ray is not installed.
        DataError: a process of the cluster died repeatedly; finished units are kept.
    """
    try:
        import ray
    except ImportError:
        raise MissingError("ray is not installed", hint="run pip install 'elimctl[ray]'") from None
    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, include_dashboard=False, configure_logging=False)
    pending: deque[Any] = deque()
    try:
        remote = ray.remote(do)
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        for ticket in _ahead(tasks, remote.remote, workers=cores, pending=pending):
            yield _replay(_fetch(ray, ticket))
    finally:
        for ticket in pending:
            ray.cancel(ticket)
        if started:
            ray.shutdown()


def _fetch(ray: Any, ticket: Any) -> Done:
    """Wait for the result of a task on a Ray cluster."""
    try:
        return ray.get(ticket)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # Ray's copy of an OSError lacks the file
    except ray.exceptions.RayError as error:
        raise DataError(
            f"Ray lost a unit: {str(error).rstrip('.')}; finished units are kept",
            hint="run the same command again",
        ) from None


def finished(tasks: Iterable[Task], detector: Detector) -> Iterator[Work]:
    """Read the units that other jobs finished.

    Raises:
        MissingError: some units are not finished; the message counts them.
    """
    tasks = list(tasks)
    names = [
        unit.name_of(task.rows(), task.root, settings=task.settings, model=detector.digest) for task in tasks
    ]
    missing = [
        number
        for number, (task, name) in enumerate(zip(tasks, names, strict=True))
        if not unit.record_file(task.folder, name).exists()
    ]
    if missing:
        raise MissingError(
            f"{len(missing)} of {len(tasks)} units are not done, the first is unit {missing[0]}",
            hint="run every --job-index with these settings, then --merge-jobs",
        )
    for task, name in zip(tasks, names, strict=True):
        yield _replay((name, unit.read_record(task.folder, name)))


def do(task: Task) -> Done:
    """Run a unit in a worker process.

    Raises:
        KeyboardInterrupt: the main process stopped the work.
    """
    work = task.work(_detector(task.settings.detector))
    outcomes: list[Outcome] = []
    while not _stop.value:
        try:
            outcomes.append(next(work))
        except StopIteration as end:
            return end.value, outcomes
    raise KeyboardInterrupt


def _ahead(
    tasks: Iterable[Task],
    submit: Callable[[Task], Ticket],
    *,
    workers: int,
    pending: deque[Ticket] | None = None,
) -> Iterator[Ticket]:
    """Submit a few tasks ahead, and yield their tickets in order."""
    waiting: deque[Ticket] = deque() if pending is None else pending
    left = iter(tasks)
    while True:
        waiting.extend(submit(task) for task in islice(left, AHEAD * workers - len(waiting)))
        if not waiting:
            return
        yield waiting.popleft()


def _replay(done: Done) -> Work:
    name, outcomes = done
    yield from outcomes
    return name


_stop = c_bool(False)  # in a worker: set when running units must stop


def _nothing() -> None:
    """Do nothing; submitting this starts a worker."""


def _start_worker(stop: c_bool, parent: int) -> None:
    """Set up a worker: one thread, no reaction to Ctrl-C, and an end together with its parent."""
    import cv2

    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent receives the signal and sets `stop`
    cv2.setNumThreads(1)
    end_with(parent)  # a worker without a parent must not write


@lru_cache(maxsize=1)
def _detector(options: DetectorOptions) -> Detector:
    """Load the detector of a worker once."""
    return plugins.find("faces", options.name).build(options)
