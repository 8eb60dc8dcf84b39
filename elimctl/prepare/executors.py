"""Who does the units of work: this process, several on this machine, or a Ray cluster.

All give the same units in the same order: a unit depends on its rows and the settings alone.
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
from elimctl.prepare import unit
from elimctl.prepare.extract import Outcome
from elimctl.prepare.row_index import Spool
from elimctl.prepare.settings import PrepareSettings
from elimctl.processes import deaf, end_with

Work = Generator[Outcome, None, str]  # a unit in the doing: what becomes of each row, at last its name
Done = tuple[str, list[Outcome]]  # a unit done elsewhere: its name, and what became of each row
Ticket = TypeVar("Ticket")

AHEAD = 2  # units in flight for each worker: one in work, one waiting


@dataclass(frozen=True, slots=True)
class Task:
    """A unit of work that any process can do that sees the same files.

    Args:
        spool: where its rows are.
        start: number of its first row.
        stop: number after its last row.
        root: the raw root.
        folder: where finished units are.
        settings: how to prepare.
    """

    spool: Spool
    start: int
    stop: int
    root: Path
    folder: Path
    settings: PrepareSettings

    def work(self, detector: Detector) -> Work:
        """Do the unit, unless it is done already."""
        rows = [numbered.row for numbered in self.spool.between(self.start, self.stop)]
        return unit.run(rows, self.root, self.folder, settings=self.settings, detector=detector)


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def here(tasks: Iterable[Task], detector: Detector) -> Iterator[Work]:
    """Do the units in this process, one row at a time as they are asked for."""
    for task in tasks:
        yield task.work(detector)


def processes(tasks: Iterable[Task], *, workers: int) -> Iterator[Work]:
    """Do the units in processes of this machine.

    Args:
        tasks: the units; those left when this ends early are not begun.
        workers: number of processes.

    Yields:
        The units in order.

    Raises:
        DataError: a process died, of a lack of memory as a rule; finished units are not lost.
    """
    context = get_context("spawn")  # a fork of a process that runs onnxruntime may hang
    stop = context.RawValue(c_bool, False)  # no lock: a worker that is killed would keep it
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(stop, os.getpid())
    )
    try:
        with deaf():
            for _ in range(workers):
                pool.submit(_nothing)  # starts a worker, for none is idle yet
        for future in _ahead(tasks, lambda task: pool.submit(_do_unless_stopped, task), workers=workers):
            done = future.result()
            assert done is not None, "a unit was stopped although its result is wanted"
            yield _replay(done)
    except BrokenProcessPool:
        raise DataError(
            "a worker died, perhaps of a lack of memory; what was finished is kept",
            hint="run the same command again, with a smaller --workers",
        ) from None
    finally:
        stop.value = True
        pool.shutdown(cancel_futures=True)


def ray_tasks(tasks: Iterable[Task]) -> Iterator[Work]:
    """Do the units as tasks on a Ray cluster, the one of `RAY_ADDRESS` or one of this machine.

    Every node must see the raw root and the workspace under the same paths.

    Args:
        tasks: the units.

    Yields:
        The units in order.

    Raises:
        MissingError: Ray is not installed.
        DataError: a process of the cluster died, again and again; finished units are not lost.
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
    """The result of a task on a Ray cluster."""
    try:
        return ray.get(ticket)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # what the unit raised; in Ray's copy of an OSError the file is lost
    except ray.exceptions.RayError as error:
        raise DataError(
            f"Ray lost a unit: {str(error).rstrip('.')}; what was finished is kept",
            hint="run the same command again",
        ) from None


def finished(tasks: Iterable[Task], detector: Detector) -> Iterator[Work]:
    """Gather units that other calls did.

    Raises:
        MissingError: some are not done; the message counts them.
    """
    tasks = list(tasks)
    names = []
    for task in tasks:
        rows = [numbered.row for numbered in task.spool.between(task.start, task.stop)]
        names.append(unit.name_of(rows, task.root, settings=task.settings, model=detector.digest))
    missing = [
        number
        for number, (task, name) in enumerate(zip(tasks, names, strict=True))
        if not unit.record_file(task.folder, name).exists()
    ]
    if missing:
        raise MissingError(
            f"{len(missing)} of {len(tasks)} units are not done, the first is unit {missing[0]}",
            hint="finish every --job-index with these settings, then run --merge-jobs",
        )
    for task, name in zip(tasks, names, strict=True):
        yield _replay((name, unit.read_record(task.folder, name)))


def do(task: Task) -> Done:
    """Do a unit in a process of its own."""
    work = task.work(_detector(task.settings.detector))
    outcomes: list[Outcome] = []
    while True:
        try:
            outcomes.append(next(work))
        except StopIteration as end:
            return end.value, outcomes


def _ahead(
    tasks: Iterable[Task],
    submit: Callable[[Task], Ticket],
    *,
    workers: int,
    pending: deque[Ticket] | None = None,
) -> Iterator[Ticket]:
    """Submit tasks as long as few are in flight, and give their tickets in order."""
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


_stop = c_bool(False)  # of a worker: set when the units in work are no longer wanted


def _nothing() -> None:
    """A unit of no work."""


def _start_worker(stop: c_bool, parent: int) -> None:
    """Set up a worker: one thread, deaf to Ctrl-C, and gone when its parent is."""
    import cv2

    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and sets `stop`
    cv2.setNumThreads(1)
    end_with(parent)  # a unit written later would belong to another preparation


def _do_unless_stopped(task: Task) -> Done | None:
    """Do a unit; leave it off when it is no longer wanted."""
    work = task.work(_detector(task.settings.detector))
    outcomes: list[Outcome] = []
    while not _stop.value:
        try:
            outcomes.append(next(work))
        except StopIteration as end:
            return end.value, outcomes
    work.close()
    return None


@lru_cache(maxsize=1)
def _detector(options: DetectorOptions) -> Detector:
    """The detector of a worker, loaded once."""
    return plugins.find("faces", options.name).build(options)
