"""Runs side by side, each in a process and a thread of its own.

A small network gains little from a second core, and loses much where it has to share it.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from ctypes import c_bool
from multiprocessing import get_context
from typing import Any

import torch

from elimctl.errors import DataError, TrainingError
from elimctl.experiments.jobs import Job
from elimctl.experiments.runs import Follow
from elimctl.processes import deaf, end_with
from elimctl.train.loop import fit
from elimctl.train.session import Session
from elimctl.workspace import Workspace

# Brings a run to its end; whether there was anything to do.
Complete = Callable[[Workspace, Job, Follow], bool]
Outcome = tuple[bool, str | None]  # the same, and why it failed if it did


def complete_all(
    complete: Complete, workspace: Workspace, jobs: Sequence[Job], *, workers: int
) -> Iterator[Job]:
    """Bring runs to their ends.

    Args:
        complete: a function at the top level of its file.
        workspace: where the runs go.
        jobs: the runs, begun in this order.
        workers: processes; 1: this one.

    Yields:
        Each run that there was anything to do for, once it is at its end.

    Raises:
        TrainingError: runs failed, with losses that are not finite, say; the others are at their ends.
        DataError: a process died, of a lack of memory as a rule; what was finished is kept.
    """
    failed: dict[str, str] = {}
    for job, (done, failure) in _outcomes(complete, workspace, jobs, workers=workers):
        if failure is not None:
            failed[job.name] = failure
        elif done:
            yield job
    if failed:
        first, reason = next(iter(failed.items()))
        raise TrainingError(
            f"{len(failed)} of {len(jobs)} runs failed, {first}: {reason}",
            hint="look at what the others came to with --no-run",
        )


def _outcomes(
    complete: Complete, workspace: Workspace, jobs: Sequence[Job], *, workers: int
) -> Iterator[tuple[Job, Outcome]]:
    """What became of each run, as it ends."""
    if workers == 1:
        yield from ((job, _attempt(complete, workspace, job)) for job in jobs)
        return
    context = get_context("spawn")  # a fork of a process that has run torch may hang
    stop = context.RawValue(c_bool, False)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(stop, os.getpid()))
    try:
        with deaf():
            waiting = {pool.submit(_attempt, complete, workspace, job): job for job in jobs}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    except BrokenProcessPool:
        raise DataError(
            "a process that trained a run died, perhaps of a lack of memory; what was finished is kept",
            hint="run the same command again, with --workers 1",
        ) from None
    finally:
        stop.value = True  # runs in progress are saved after the step that they are in
        pool.shutdown(cancel_futures=True)


def _attempt(complete: Complete, workspace: Workspace, job: Job) -> Outcome:
    try:
        return complete(workspace, job, _train), None
    except TrainingError as error:  # of this run alone
        return False, error.message


_stop: Any = None  # of a process of the pool: whether to stop


def _start(stop: Any, parent: int) -> None:
    """Prepare a process of the pool."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and sets `stop`
    torch.set_num_threads(1)
    end_with(parent)


def _train(session: Session) -> None:
    """Train a session to its end.

    Raises:
        InterruptedError: it was stopped before that, and saved.
    """
    for _ in fit(session, stop=lambda: _stop is not None and _stop.value):
        pass
    if not session.finished:
        raise InterruptedError(f"run {session.run.name} was stopped")
