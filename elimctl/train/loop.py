"""The training loop: a generator that neither prints nor draws.

Every step is a pure function of the weights, the optimiser's state and the step's number: its batch
comes from (seed, step), and torch's generator is seeded from (seed, step) before it. So a run that was
stopped and resumed equals one that was not.
"""

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from elimctl import atomic
from elimctl.errors import DataError, TrainingError
from elimctl.evaluate.score import Scores
from elimctl.loader.batch import Batch
from elimctl.loader.batches import Batches
from elimctl.train import checkpoint, hardware, optimiser
from elimctl.train.checkpoint import Progress
from elimctl.train.config import TrainConfig
from elimctl.train.run import Run

Validate = Callable[[nn.Module], Scores]
VALIDATION_COLUMNS = ("val_ccc_valence", "val_ccc_arousal", "val_ccc")


@dataclass(frozen=True, slots=True)
class Report:
    """What happened in one step.

    Args:
        step: steps done, this one included.
        steps: steps in all.
        losses: the step's losses by name, `total` among them; means over its optimiser updates.
        lr: learning rate of the backbone.
        images_per_s: images trained on per second, since the run was started or resumed.
        scores: validation scores, on the steps that validate.
        best: best validation CCC so far.
        saved: the checkpoint written after this step, if one was.
    """

    step: int
    steps: int
    losses: dict[str, float]
    lr: float
    images_per_s: float
    scores: Scores | None = None
    best: float | None = None
    saved: Path | None = None


@dataclass
class Session:
    """A run in progress: its model, optimiser, and how far it has come."""

    run: Run
    config: TrainConfig
    model: nn.Module
    batches: Batches
    validate: Validate
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self.device = hardware.device(self.config.device)
        self.autocast = hardware.autocast_type(self.config.precision, self.device)
        self.model.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = optimiser.build(self.model, self.config)

    def resume(self) -> None:
        """Take up the last checkpoint, if there is one, and forget the log's rows after it."""
        atomic.remove_leftovers(self.run.last.parent)
        if self.run.last.exists():
            self.progress = checkpoint.load(self.run.last, self.model, self.optimizer)
        _rewind_log(self.run.log, self.progress.step)


def fit(session: Session, *, stop: Callable[[], bool] = lambda: False) -> Iterator[Report]:
    """Train a run to its last step, or until `stop` says so.

    Args:
        session: the run, new or resumed.
        stop: asked after every step; when true, the run is saved and the generator ends.

    Yields:
        One report per step. The checkpoint `last` holds the state after the last step reported.

    Raises:
        TrainingError: a loss is not finite; the message names the step and the batch's identities.
    """
    config, steps = session.config, session.config.steps or 0
    started, images = time.perf_counter(), 0
    for batch in session.batches.stream(session.progress.step, steps):
        lr = optimiser.set_rates(session.optimizer, config, step=batch.step)
        losses = take_step(session, batch)
        images += len(batch.images)
        session.progress = replace(session.progress, step=batch.step + 1)
        speed = images / (time.perf_counter() - started)
        report = _validate(session, batch, Report(session.progress.step, steps, losses, lr, speed))
        # the log first: rows after the last checkpoint are forgotten on resuming, a missing one stays missing
        _log(session.run.log, report, session.batches.steps_per_epoch)
        report = _save(session, report, stopping=stop())
        yield report
        if report.saved and stop():
            return


def take_step(session: Session, batch: Batch) -> dict[str, float]:
    """One iteration: the method's updates, an optimiser step after each.

    Returns:
        Losses by name; where the method makes several updates, each loss is that of the last one to
        report it, and `total` is their sum.
    """
    config, model = session.config, session.model.train()
    torch.manual_seed(step_seed(config.seed, batch.step))
    moved = batch.to(session.device)
    found: dict[str, Tensor] = {}
    updates = iter(model.updates(moved))  # type: ignore[operator]
    while (losses := _next_losses(session, updates)) is not None:
        total = losses["total"]
        _require_finite(session, batch, losses)
        session.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        if config.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameter_groups()["backbone"], config.clip_norm)  # type: ignore[operator]
        session.optimizer.step()
        found = found | losses | {"total": found.get("total", 0) + total}
    return {name: float(value.detach()) for name, value in found.items()}


def step_seed(seed: int, step: int) -> int:
    """Seed of torch's generator for a step (dropout draws from it)."""
    return int(np.random.SeedSequence((seed, step, 3)).generate_state(1, np.uint64)[0])


def _next_losses(session: Session, updates: Iterator[dict[str, Tensor]]) -> dict[str, Tensor] | None:
    """Losses of the next update, computed under autocast; None when there is no further one."""
    with torch.autocast(session.device.type, session.autocast, enabled=session.autocast is not None):
        return next(updates, None)


def _require_finite(session: Session, batch: Batch, losses: dict[str, Tensor]) -> None:
    """Stop before a loss that is not finite reaches the weights."""
    broken = [name for name, value in losses.items() if not torch.isfinite(value)]
    if broken:
        raise _diverged(session, batch, f"loss {', '.join(broken)} is not finite")


def _diverged(session: Session, batch: Batch, what: str) -> TrainingError:
    """The error of a run whose numbers are no longer finite."""
    names = session.batches.samples.names
    present = ", ".join(names[code] for code in sorted(set(batch.identity.tolist())))
    return TrainingError(
        f"{what} at step {batch.step + 1} of run {session.run.name}; identities in the batch: {present}",
        hint="lower train.lr_backbone, or train with --set train.precision=float32",
    )


def _validate(session: Session, batch: Batch, report: Report) -> Report:
    """Validate where the step is due for it, and keep the best weights."""
    if report.step != report.steps and report.step % (session.config.eval_every or report.steps):
        return replace(report, best=session.progress.best_ccc)
    try:
        scores = session.validate(session.model.eval())
    except DataError as error:
        raise _diverged(session, batch, error.message) from error
    if session.progress.best_ccc is None or scores.mean.ccc > session.progress.best_ccc:
        session.progress = replace(session.progress, best_ccc=scores.mean.ccc, best_step=report.step)
        checkpoint.save(session.run.best, session.model, None, session.progress)
    return replace(report, scores=scores, best=session.progress.best_ccc)


def _save(session: Session, report: Report, *, stopping: bool) -> Report:
    """Write the checkpoint to go on from, where the step is due for it."""
    due = report.step % (session.config.checkpoint_every or report.steps) == 0
    if not (due or stopping or report.step == report.steps):
        return report
    checkpoint.save(session.run.last, session.model, session.optimizer, session.progress)
    return replace(report, saved=session.run.last)


def _log(path: Path, report: Report, steps_per_epoch: int) -> None:
    """Append a report to metrics.csv; no clock times, so that equal runs have equal files."""
    row: dict[str, object] = {
        "step": report.step,
        "epoch": (report.step - 1) // steps_per_epoch,
        "lr": repr(report.lr),
        **{f"loss_{name}": repr(value) for name, value in report.losses.items()},
    }
    scores = report.scores
    found = (scores.valence.ccc, scores.arousal.ccc, scores.mean.ccc) if scores else ("", "", "")
    row |= dict(zip(VALIDATION_COLUMNS, found, strict=True))
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row, lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)


def _rewind_log(path: Path, step: int) -> None:
    """Keep the rows of metrics.csv up to a step; a run that was killed has written more."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    kept = [row for row in lines[1:] if row.endswith("\n") and int(row.split(",", 1)[0]) <= step]
    atomic.write_text(path, "".join(lines[:1] + kept) if kept else "")
