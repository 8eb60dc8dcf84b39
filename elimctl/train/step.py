"""One training step: a function of the weights, the optimiser's state and the number of the step.

Seed and step determine the batch and torch's random numbers, so a resumed run equals an uninterrupted one.
"""

from collections.abc import Callable
from math import isfinite

import numpy as np
import torch
from torch import Tensor, nn

from elimctl.errors import TrainingError
from elimctl.loader.batch import Batch
from elimctl.train import hardware
from elimctl.train.session import Session


def take_step(session: Session, batch: Batch) -> dict[str, float]:
    """Do all updates of a step, each with an optimiser step.

    Returns:
        Losses by name. With several updates the last value of each loss counts; `total` is the sum.

    Raises:
        TrainingError: a loss is not finite; the message names the step and the identities of the batch.
    """
    model = session.model.train()
    torch.manual_seed(step_seed(session.config.seed, batch.step))
    moved = session.place(batch)
    values: dict[str, float] = {}
    for update in range(model.updates(batch)):  # type: ignore[operator]
        losses = _update(session, moved, update)
        values = values | losses | {"total": values.get("total", 0.0) + losses["total"]}
    return values


def step_seed(seed: int, step: int) -> int:
    """Seed of torch's generator for a step (for dropout)."""
    return int(np.random.SeedSequence((seed, step, 3)).generate_state(1, np.uint64)[0])


def diverged(session: Session, batch: Batch, what: str) -> TrainingError:
    """The error of a run that diverged."""
    names = session.batches.samples.names
    present = ", ".join(names[code] for code in sorted(set(batch.identity.tolist())))
    return TrainingError(
        f"{what} at step {batch.step + 1} of run {session.run.name}; identities in the batch: {present}",
        hint="lower train.lr_backbone, or train with --set train.precision=float32",
    )


def _update(session: Session, batch: Batch, update: int) -> dict[str, float]:
    """Losses and gradients of one update, and its optimiser step."""
    optimizer, scaler, clip_norm = session.optimizer, session.scaler, session.config.clip_norm
    autocast = torch.autocast(session.device.type, session.autocast, enabled=session.autocast is not None)
    with autocast, hardware.compiling():
        losses = session.losses(batch, update)
    read = _read(torch.stack([loss.detach() for loss in losses.values()]))
    optimizer.zero_grad(set_to_none=True)
    scaler.scale(losses["total"]).backward()  # type: ignore[no-untyped-call]
    values = dict(zip(losses, read(), strict=True))
    broken = [name for name, value in values.items() if not isfinite(value)]
    if broken:  # before the weights change
        raise diverged(session, batch, f"loss {', '.join(broken)} is not finite")
    if clip_norm is not None:
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(session.model.parameter_groups()["backbone"], clip_norm)  # type: ignore[operator]
    scaler.step(optimizer)
    scaler.update()
    return values


def _read(values: Tensor) -> Callable[[], list[float]]:
    """Start copying values from the device; the returned function waits for this copy only."""
    if not values.is_cuda:
        return values.tolist
    copied = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    copied.copy_(values, non_blocking=True)
    arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
    arrived.record()

    def wait() -> list[float]:
        arrived.synchronize()
        return copied.tolist()

    return wait
