"""`elimctl train`."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Exit, Option

from elimctl.cli import console, launch, options
from elimctl.errors import ConfigError
from elimctl.text import counted

if TYPE_CHECKING:
    from elimctl.train.progress import Report
    from elimctl.train.session import Session

INTERRUPTED = 130  # exit code after Ctrl-C, as shells have it
SAME_S = 1.0  # two signals within this time are one: a launcher passes on what a terminal sent to all
# val CCC, or accuracy above that of a guess, below which a run is told that it has learned next to nothing
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
        str | None, Option(help="Name for the new run, or the run to --resume [default: newest].")
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
    """Train a model on a prepared dataset."""
    limit_s = seconds_of(time_limit)
    if _starts_ranks(nproc):
        raise Exit(launch.launch(nproc or 1))
    launch.watch_launcher()
    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.commands import train as stage
    from elimctl.train.ranks import joined

    place = workspaces.locate(workspace)
    values = settings(
        data=data,
        fold=fold,
        backbone=backbone,
        pretrained=pretrained,
        method=method,
        steps=steps,
        batch_size=batch_size,
        seed=seed,
        device=device,
        patience=patience,
        track=track,
    )
    if resume:
        _refuse_settings(values, recipe=recipe, sets=sets)
        chosen = stage.device_of(place, run)
    else:
        config = recipes.run_config(recipes.read(recipe, values, sets=sets))
        chosen = config.train.device
    with joined(chosen) as ranks:
        if resume:
            session = stage.resume(place, name=run, ranks=ranks)
        else:
            session = stage.start(place, config, name=run, ranks=ranks)
        follow(session, limit_s=limit_s)


def settings(
    *,
    data: str | None,
    backbone: str | None,
    pretrained: bool | None,
    method: str | None,
    steps: int | None,
    batch_size: int | None,
    seed: int | None,
    device: str | None,
    patience: int | None,
    track: list[str] | None,
    fold: int | None = None,
) -> dict[str, dict[str, object]]:
    """The options of a training run as values of a recipe; None for those not given."""
    return {
        "data": {"name": data, "fold": fold},
        "model": {"name": backbone, "pretrained": pretrained},
        "method": {"name": method},
        "train": {
            "steps": steps,
            "batch_size": batch_size,
            "seed": seed,
            "device": device,
            "patience": patience,
            "trackers": track or None,
        },
    }


def _starts_ranks(nproc: int | None) -> bool:
    """Whether this process is to start others, and is none of these itself.

    Raises:
        ConfigError: it was started as one of another number of them.
    """
    size = os.environ.get("WORLD_SIZE")
    if nproc is None or size is None or size == str(nproc):
        return size is None and (nproc or 1) > 1
    raise ConfigError(
        f"--nproc {nproc} in one of {size} processes that were started together",
        hint="leave --nproc out under torchrun",
    )


def seconds_of(limit: str | None) -> float | None:
    """Seconds of a time such as 90m or 1h30m.

    Raises:
        ConfigError: it is none.
    """
    if limit is None:
        return None
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", limit.strip().lower())
    parts = [int(part or 0) for part in found.groups()] if found else []
    if not any(parts):
        raise ConfigError(f"--time-limit {limit!r} is no time", hint="write it like 45m, 2h or 1h30m")
    hours, minutes, seconds = parts
    return 3600.0 * hours + 60 * minutes + seconds


def _refuse_settings(
    values: dict[str, dict[str, object]], *, recipe: str | None, sets: list[str] | None
) -> None:
    """Refuse settings beside --resume: a run goes on as it was begun."""
    tables = values.items()
    given = [f"{name}.{key}" for name, table in tables for key, value in table.items() if value is not None]
    given += ["--recipe"] * bool(recipe) + list(sets or [])
    if given:
        raise ConfigError(
            f"--resume continues a run as it was begun, and {', '.join(given)} was given too",
            hint="leave that out, or train a new run without --resume",
        )


def follow(session: "Session", *, limit_s: float | None = None) -> None:
    """Train a session to its end, and show how it goes, if this is rank 0.

    Ctrl-C ends it after the step in progress, saved; a second Ctrl-C at once.

    Args:
        session: new or resumed.
        limit_s: seconds after which it is ended, saved, likewise.
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
                found = "  ".join(f"{name} {value:.3f}" for name, value in report.scores.logged.items())
                console.say(
                    f"step {report.step:,}/{report.steps:,}  loss {report.losses['total']:.3f}  "
                    f"val: {found.replace('_', ' ')}  {report.images_per_s:.0f} images/s"
                )
        _conclude(session, interrupted=interrupted())


def _introduce(session: "Session") -> None:
    """Say what is about to be trained, on what."""
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
    """Say how the run ended, and what can be done next."""
    best, found, run = session.progress, session.progress.best or 0, session.run
    if not session.finished:
        root = run.folder.parent.parent
        where = "" if root == Path.cwd() else f" --workspace {root}"
        console.say(
            f"stopped and saved at step {best.step:,}; go on with: "
            f"elimctl train --resume --run {run.name}{where}"
        )
        raise Exit(INTERRUPTED if interrupted else 0)
    if session.stale:
        console.say(
            f"ended at step {best.step:,}: {session.config.patience} validations in a row were no better"
        )
    classes = len(session.batches.samples.class_names)
    what, least = ("accuracy", LEARNED + 1 / classes) if classes else ("CCC", LEARNED)
    console.say(f"best val {what} {found:.3f} at step {best.best_step:,}; run in {run.folder}")
    if found < least:
        console.say(
            "this model has learned next to nothing: the default rates are the paper's, for ImageNet weights "
            "and long runs; see --pretrained, --steps, and the recipe of elimctl demo"
        )


def _watched(reports: "Iterator[Report]", session: "Session") -> "Iterator[Report]":
    """Reports, with a bar that shows the losses and the speed."""
    left = (session.config.steps or 0) - session.progress.step
    with console.bar("train", total=left) as advance:
        for report in reports:
            parts = "  ".join(f"{name} {value:.2f}" for name, value in report.losses.items())
            best = "" if report.best is None else f"  best {report.best:.2f}"
            advance(f"{parts}{best}  {report.images_per_s:.0f} img/s")
            yield report


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """A question that is answered yes after the first Ctrl-C; a second one interrupts at once."""
    asked: float | None = None

    def ask(*_: object) -> None:
        nonlocal asked
        if asked is not None and time.monotonic() - asked > SAME_S:
            raise KeyboardInterrupt
        if asked is None:
            asked = time.monotonic()
            console.say("stopping after this step; once more to stop at once")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked is not None
    finally:
        signal.signal(signal.SIGINT, before)
