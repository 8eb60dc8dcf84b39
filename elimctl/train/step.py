"""One training step: a pure function of the weights, the optimiser's state and the step's number.

Its batch comes from (seed, step), and torch's generator is seeded from (seed, step) before it. So a run that
was stopped and resumed equals one that was not.
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
    """One iteration: the method's updates, an optimiser step after each.

    Returns:
        Losses by name; where the method makes several updates, each loss is that of the last one to
        report it, and `total` is their sum.

    Raises:
        TrainingError: a loss is not finite; the message names the step and the batch's identities.
    """
    model = session.model.train()
    torch.manual_seed(step_seed(session.config.seed, batch.step))
    moved = session.place(batch)
    found: dict[str, float] = {}
    for update in range(model.updates(batch)):  # type: ignore[operator]
        losses = _update(session, moved, update)
        found = found | losses | {"total": found.get("total", 0.0) + losses["total"]}
    return found


def step_seed(seed: int, step: int) -> int:
    """Seed of torch's generator for a step (dropout draws from it)."""
    return int(np.random.SeedSequence((seed, step, 3)).generate_state(1, np.uint64)[0])


def diverged(session: Session, batch: Batch, what: str) -> TrainingError:
    """The error of a run whose numbers are no longer finite."""
    names = session.batches.samples.names
    present = ", ".join(names[code] for code in sorted(set(batch.identity.tolist())))
    return TrainingError(
        f"{what} at step {batch.step + 1} of run {session.run.name}; identities in the batch: {present}",
        hint="lower train.lr_backbone, or train with --set train.precision=float32",
    )


def _update(session: Session, batch: Batch, update: int) -> dict[str, float]:
    """Losses and gradient of one update, and the optimiser's step."""
    optimizer, scaler, clip_norm = session.optimizer, session.scaler, session.config.clip_norm
    autocast = torch.autocast(session.device.type, session.autocast, enabled=session.autocast is not None)
    with autocast, hardware.compiling():
        losses = session.losses(batch, update)
    values = _read(torch.stack([loss.detach() for loss in losses.values()]))
    optimizer.zero_grad(set_to_none=True)
    scaler.scale(losses["total"]).backward()  # type: ignore[no-untyped-call]
    found = dict(zip(losses, values(), strict=True))
    broken = [name for name, value in found.items() if not isfinite(value)]
    if broken:  # before it reaches the weights
        raise diverged(session, batch, f"loss {', '.join(broken)} is not finite")
    if clip_norm is not None:
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(session.model.parameter_groups()["backbone"], clip_norm)  # type: ignore[operator]
    scaler.step(optimizer)
    scaler.update()
    return found


def _read(values: Tensor) -> Callable[[], list[float]]:
    """Start to copy values from the device; the answer waits for them, not for what was asked of it since."""
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
