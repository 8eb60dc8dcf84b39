"""`elimctl train`."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Exit, Option

from elimctl.cli import console, options
from elimctl.errors import ConfigError

if TYPE_CHECKING:
    from elimctl.train.loop import Report, Session

LEARNED = 0.1  # val CCC below which a run is told that it has learned next to nothing


def train(
    backbone: Annotated[str | None, Option(help="Backbone: al, r18, mmx or timm/NAME [default: al].")] = None,
    method: Annotated[str | None, Option(help="Method: elim or erm [default: elim].")] = None,
    pretrained: Annotated[
        bool | None, Option("--pretrained/--scratch", help="Start from ImageNet weights (downloaded).")
    ] = None,
    steps: Annotated[
        int | None, Option(min=1, help="Training steps [default: follows from the number of samples].")
    ] = None,
    batch_size: Annotated[int | None, Option(min=2, help="Images in a batch.")] = None,
    fold: Annotated[int | None, Option(min=0, help="Fold to hold out as val [default: 0].")] = None,
    seed: Annotated[int | None, Option(min=0, help="Seed of everything random [default: 0].")] = None,
    resume: Annotated[bool, Option("--resume", help="Continue a run from its last checkpoint.")] = False,
    run: Annotated[
        str | None, Option(help="Name for the new run, or the run to --resume [default: newest].")
    ] = None,
    data: options.Data = None,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    device: options.Device = None,
    workspace: options.Workspace = None,
) -> None:
    """Train a model on a prepared dataset."""
    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.stages import train as stage  # torch loads here, not on --help

    place = workspaces.locate(workspace)
    values: dict[str, dict[str, object]] = {
        "data": {"name": data, "fold": fold},
        "model": {"name": backbone, "pretrained": pretrained},
        "method": {"name": method},
        "train": {"steps": steps, "batch_size": batch_size, "seed": seed, "device": device},
    }
    if resume:
        _refuse_settings(values, recipe=recipe, sets=sets)
        session = stage.resume(place, name=run)
    else:
        session = stage.start(place, recipes.run_config(recipes.read(recipe, values, sets=sets)), name=run)
    follow(session)


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


def follow(session: "Session") -> None:
    """Train a session to its end, and show how it goes.

    Ctrl-C ends it after the step in progress, saved; a second Ctrl-C at once.
    """
    from elimctl.train.loop import fit

    config, run = session.config, session.run
    count, identities = len(session.batches.samples), len(session.batches.samples.names)
    precision = str(session.autocast or "torch.float32").removeprefix("torch.")
    console.say(
        f"run {run.name}: {count:,} images of {identities:,} identities, "
        f"{config.steps:,} steps of {config.batch_size} images, {session.device}, {precision}"
    )
    with _interruptible() as interrupted:
        for report in _watched(fit(session, stop=interrupted), session):
            if report.scores:
                scores = report.scores
                console.say(
                    f"step {report.step:,}/{report.steps:,}  loss {report.losses['total']:.3f}  "
                    f"val CCC {scores.mean.ccc:.3f} "
                    f"(valence {scores.valence.ccc:.3f}, arousal {scores.arousal.ccc:.3f})  "
                    f"{report.images_per_s:.0f} images/s"
                )
    if session.progress.step < (config.steps or 0):
        root = run.folder.parent.parent
        where = "" if root == Path.cwd() else f" --workspace {root}"
        console.say(
            f"stopped and saved at step {session.progress.step:,}; "
            f"go on with: elimctl train --resume --run {run.name}{where}"
        )
        raise Exit(130)
    best, ccc = session.progress, session.progress.best_ccc or 0
    console.say(f"best val CCC {ccc:.3f} at step {best.best_step:,}; run in {run.folder}")
    if ccc < LEARNED:
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
            best = "" if report.best is None else f"  CCC {report.best:.2f}"
            advance(f"{parts}{best}  {report.images_per_s:.0f} img/s")
            yield report


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """A question that is answered yes after the first Ctrl-C; a second one interrupts at once."""
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)
        console.say("stopping after this step; once more to stop at once")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
