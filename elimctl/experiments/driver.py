"""Bring many runs to their ends: one after another, or several side by side.

Side by side, each run has a process with one thread: a small network gains little from a second core.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from ctypes import c_bool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch

from elimctl.config import write_toml
from elimctl.errors import DataError, TrainingError
from elimctl.experiments import runs
from elimctl.experiments.jobs import Job
from elimctl.experiments.runs import Follow
from elimctl.processes import deaf, end_with
from elimctl.train.config import RunConfig
from elimctl.train.launch import launch
from elimctl.train.loop import fit
from elimctl.train.run import Run
from elimctl.train.session import Session
from elimctl.workspace import Workspace

Complete = Callable[[Workspace, Job, Follow], bool]  # brings a run to its end; False: it was there already


class StoppedError(Exception):
    """The ranks of a run ended before the run did.

    Args:
        code: exit code of the ranks.
        message: what a rank could not say itself; may be empty.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Deadline:
    """When training has to stop."""

    at_s: float | None = None  # time on the monotonic clock; None: no limit

    @classmethod
    def after(cls, limit_s: float | None) -> "Deadline":
        """The deadline some seconds from now."""
        return cls(None if limit_s is None else time.monotonic() + limit_s)

    def left_s(self) -> float | None:
        """Seconds left; None without a limit."""
        return None if self.at_s is None else self.at_s - time.monotonic()


def train_silently(session: Session) -> None:
    """Train a session to its end.

    Raises:
        InterruptedError: the pool stopped the run; its state is saved.
    """
    for _ in fit(session, stop=lambda: _stop is not None and _stop.value):
        pass
    if not session.finished:
        raise InterruptedError(f"run {session.run.name} was stopped")


@dataclass(frozen=True, slots=True)
class Driver:
    """How runs are brought to their ends."""

    follow: Follow = train_silently  # trains a session in this process; not used side by side
    complete: Complete = runs.complete  # a function at the top level of its module
    workers: int = 1  # number of runs side by side; 1: one after another, in this process
    nproc: int = 1  # number of processes that train each run together; 1: this process
    deadline: Deadline = Deadline()  # when training on several ranks has to stop
    keep_going: bool = False  # whether the other runs go on after one that diverged


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to a run."""

    job: Job  # the run
    number: int  # of this run, from 1, in the order in which runs begin or (side by side) end
    state: Literal["begun", "known", "finished"]  # known: the run had been finished before


def drive(workspace: Workspace, jobs: Sequence[Job], driver: Driver) -> Iterator[Step]:
    """Bring runs to their ends, in the given order.

    Yields:
        The begin (only one after another) and the end of each run.

    Raises:
        TrainingError: a run diverged; with `keep_going` after all others have ended.
        DataError: a process of the pool died. Finished runs are kept.
        StoppedError: the ranks of a run ended early.
    """
    failed: dict[str, str] = {}
    steps = _one_by_one if driver.workers == 1 else _side_by_side
    for job, outcome in steps(workspace, jobs, driver):
        if isinstance(outcome, Step):
            yield outcome
        else:
            failed[job.name] = outcome
    if failed:
        first, reason = next(iter(failed.items()))
        raise TrainingError(
            f"{len(failed)} of {len(jobs)} runs failed; {first}: {reason}",
            hint="show the results of the other runs with --no-run",
        )


Outcomes = Iterator[tuple[Job, Step | str]]  # a step of each run, or why it failed


def _one_by_one(workspace: Workspace, jobs: Sequence[Job], driver: Driver) -> Outcomes:
    for number, job in enumerate(jobs, start=1):
        yield job, Step(job, number, "begun")
        if driver.nproc > 1 and runs.result(workspace, job) is None:
            _train_on_ranks(workspace, job, driver)
        try:
            worked = driver.complete(workspace, job, driver.follow)
        except TrainingError as error:
            if not driver.keep_going:
                raise
            yield job, error.message
        else:
            yield job, Step(job, number, "finished" if worked else "known")


def _train_on_ranks(workspace: Workspace, job: Job, driver: Driver) -> None:
    """Train a run in several processes, as `elimctl train --nproc` does."""
    run = Run(workspace.new_run(job.name))
    begun = (run.folder / "run.json").exists()
    if begun and runs.is_trained(run):
        return
    with TemporaryDirectory(prefix="elimctl-") as scratch:
        recipe = Path(scratch) / "recipe.toml"
        write_toml(recipe, {table: job.tables[table] for table in RunConfig.model_fields})
        arguments = ["train", *(["--resume"] if begun else ["--recipe", str(recipe)])]
        arguments += ["--run", job.name, "--nproc", str(driver.nproc), "--workspace", str(workspace.root)]
        if (left_s := driver.deadline.left_s()) is not None:
            arguments += ["--time-limit", f"{max(1, round(left_s))}s"]
        ended = launch(driver.nproc, arguments)
    if ended.code or not runs.is_trained(run):
        raise StoppedError(ended.code, ended.message)


def _side_by_side(workspace: Workspace, jobs: Sequence[Job], driver: Driver) -> Outcomes:
    context = get_context("spawn")  # a fork of a process that has run torch may hang
    stop = context.RawValue(c_bool, False)
    pool = ProcessPoolExecutor(
        driver.workers, mp_context=context, initializer=_start, initargs=(stop, os.getpid())
    )
    try:
        with deaf():
            waiting = {pool.submit(_attempt, driver.complete, workspace, job): job for job in jobs}
        for number, future in enumerate(as_completed(waiting), start=1):
            job, outcome = waiting[future], future.result()
            if isinstance(outcome, str):
                yield job, outcome
            else:
                yield job, Step(job, number, "finished" if outcome else "known")
    except BrokenProcessPool:
        raise DataError(
            "a training process died, maybe for lack of memory; finished runs are kept",
            hint="run the same command again with --workers 1",
        ) from None
    finally:
        stop.value = True  # runs in progress save themselves after the current step
        pool.shutdown(cancel_futures=True)


def _attempt(complete: Complete, workspace: Workspace, job: Job) -> bool | str:
    """Complete a run; the reason if it diverged."""
    try:
        return complete(workspace, job, train_silently)
    except TrainingError as error:
        return error.message


_stop: Any = None  # in a process of the pool: whether to stop


def _start(stop: Any, parent: int) -> None:
    """Prepare a process of the pool."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it as well, and sets `stop`
    torch.set_num_threads(1)
    end_with(parent)
