"""`elimctl train`."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Exit, Option

from elimctl.cli import console, options
from elimctl.errors import ConfigError
from elimctl.text import counted
from elimctl.train import launch

if TYPE_CHECKING:
    from elimctl.train.progress import Report
    from elimctl.train.session import Session

INTERRUPTED = 130  # exit code after Ctrl-C, as shells have it
SAME_S = 1.0  # two signals within this time count as one: a launcher forwards a signal of the terminal
# val CCC, or accuracy above chance, below which the model has learned almost nothing
LEARNED = 0.1


def train(
    backbone: options.Backbone = None,
    method: options.Method = None,
    pretrained: options.Pretrained = None,
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    fold: Annotated[int | None, Option(min=0, help="Fold to hold out as val [default: 0].")] = None,
    seed: options.Seed = None,
    resume: Annotated[bool, Option("--resume", help="Continue a run from its last checkpoint.")] = False,
    run: Annotated[
        str | None,
        Option(help="Name of the new run, or the run to resume [default: METHOD-BACKBONE-N, or newest]."),
    ] = None,
    nproc: options.Nproc = None,
    time_limit: options.TimeLimit = None,
    patience: options.Patience = None,
    track: options.Track = None,
    data: options.Data = None,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    device: options.Device = None,
    workspace: options.Workspace = None,
) -> None:
    """Train a model on a prepared dataset.

    Stop with Ctrl-C, continue with --resume.
    """
    given = options.given("train", locals())
    limit_s = seconds_of(time_limit)
    if _starts_ranks(nproc):
        ended = launch.launch(nproc or 1)
        sys.stderr.write(ended.message)
        raise Exit(ended.code)
    launch.watch_launcher()
    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.commands import train as stage
    from elimctl.config import nested
    from elimctl.train.ranks import joined

    place = workspaces.locate(workspace)
    if resume:
        _refuse_settings(given, recipe=recipe, sets=sets)
        with joined(stage.device_of(place, run)) as ranks:
            follow(stage.resume(place, name=run, ranks=ranks), limit_s=limit_s)
        return
    config = recipes.run_config(recipes.read(recipe, nested(given), sets=sets))
    with joined(config.train.device) as ranks:
        follow(stage.start(place, config, name=run, ranks=ranks), limit_s=limit_s)


def _starts_ranks(nproc: int | None) -> bool:
    """Whether this process has to start the ranks, and is not one of them.

    Raises:
        ConfigError: it is one of another number of ranks.
    """
    size = os.environ.get("WORLD_SIZE")
    if nproc is None or size is None or size == str(nproc):
        return size is None and (nproc or 1) > 1
    raise ConfigError(
        f"--nproc {nproc} in one of {size} processes that torchrun started", hint="leave --nproc out"
    )


def seconds_of(limit: str | None) -> float | None:
    """Seconds of a time such as 90m or 1h30m.

    Raises:
        ConfigError: the time is invalid.
    """
    if limit is None:
        return None
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", limit.strip().lower())
    parts = [int(part or 0) for part in match.groups()] if match else []
    if not any(parts):
        raise ConfigError(f"invalid --time-limit {limit!r}", hint="write a time such as 45m, 2h or 1h30m")
    hours, minutes, seconds = parts
    return 3600.0 * hours + 60 * minutes + seconds


def _refuse_settings(given: dict[str, Any], *, recipe: str | None, sets: list[str] | None) -> None:
    """Refuse settings with --resume: a run keeps its settings."""
    settings = [*given, *["--recipe"] * bool(recipe), *(sets or [])]
    if settings:
        raise ConfigError(
            f"--resume keeps the settings of the run, but {', '.join(settings)} was given",
            hint="leave the settings out, or train a new run without --resume",
        )


def follow(session: "Session", *, limit_s: float | None = None) -> None:
    """Train a session to its end; rank 0 shows progress.

    The first Ctrl-C saves and stops after the current step, the second one stops immediately.

    Args:
        session: new or resumed.
        limit_s: seconds until it is saved and stopped.
    """
    from elimctl.train.loop import fit

    if not session.ranks.first:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # rank 0 decides for all
        for _ in fit(session):
            pass
        return
    _introduce(session)
    deadline = None if limit_s is None else time.monotonic() + limit_s
    with _interruptible() as interrupted:

        def stop() -> bool:
            return interrupted() or (deadline is not None and time.monotonic() >= deadline)

        for report in _watched(fit(session, stop=stop), session):
            if report.scores:
                scores = "  ".join(f"{name} {value:.3f}" for name, value in report.scores.logged.items())
                console.say(
                    f"step {report.step:,}/{report.steps:,}  loss {report.losses['total']:.3f}  "
                    f"val: {scores.replace('_', ' ')}  {report.images_per_s:.0f} images/s"
                )
        _conclude(session, interrupted=interrupted())


def _introduce(session: "Session") -> None:
    """Show what will be trained."""
    config, ranks = session.config, session.ranks.size
    count, identities = len(session.batches.samples), len(session.batches.samples.names)
    precision = str(session.autocast or "torch.float32").removeprefix("torch.")
    console.say(
        f"run {session.run.name}: {counted(count, 'image')} of "
        f"{counted(identities, 'identity', 'identities')}, "
        f"{config.steps:,} steps of {config.batch_size} images, {session.device.type}"
        f"{f' x {ranks}' if ranks > 1 else ''}, {precision}"
    )


def _conclude(session: "Session", *, interrupted: bool) -> None:
    """Show how the run ended, and what to do next."""
    progress, score, run = session.progress, session.progress.best or 0, session.run
    if not session.finished:
        root = run.folder.parent.parent
        where = "" if root == Path.cwd() else f" --workspace {root}"
        console.say(
            f"stopped and saved at step {progress.step:,}; continue with: "
            f"elimctl train --resume --run {run.name}{where}"
        )
        raise Exit(INTERRUPTED if interrupted else 0)
    if session.stale:
        patience = session.config.patience
        console.say(f"stopped early at step {progress.step:,}: no improvement in {patience} validations")
    classes = len(session.batches.samples.class_names)
    metric, least = ("accuracy", LEARNED + 1 / classes) if classes else ("CCC", LEARNED)
    console.say(f"best val {metric} {score:.3f} at step {progress.best_step:,}; run in {run.folder}")
    if score < least:
        console.say(
            "this model has learned almost nothing: the default learning rates are the paper's, for ImageNet "
            "weights and long runs; try --pretrained or more --steps"
        )


def _watched(reports: "Iterator[Report]", session: "Session") -> "Iterator[Report]":
    """Reports, with a bar that shows losses and speed."""
    left = (session.config.steps or 0) - session.progress.step
    with console.bar("train", total=left) as advance:
        for report in reports:
            parts = "  ".join(f"{name} {value:.2f}" for name, value in report.losses.items())
            best = "" if report.best is None else f"  best {report.best:.2f}"
            advance(f"{parts}{best}  {report.images_per_s:.0f} img/s")
            yield report


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Tell whether Ctrl-C was pressed; pressed a second time it raises KeyboardInterrupt."""
    pressed_at: float | None = None

    def on_signal(*_: object) -> None:
        nonlocal pressed_at
        if pressed_at is not None and time.monotonic() - pressed_at > SAME_S:
            raise KeyboardInterrupt
        if pressed_at is None:
            pressed_at = time.monotonic()
            console.say("stopping after this step; press Ctrl-C again to stop now")

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield lambda: pressed_at is not None
    finally:
        signal.signal(signal.SIGINT, before)
