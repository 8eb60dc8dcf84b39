"""A run in progress."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from elimctl import atomic
from elimctl.errors import ConfigError
from elimctl.loader.batch import Batch
from elimctl.loader.batches import Batches
from elimctl.methods.passes import Passes, norm_layers
from elimctl.metrics.classes import ClassScores
from elimctl.metrics.score import Scores
from elimctl.train import checkpoint, hardware, log, optimiser
from elimctl.train.checkpoint import Progress, is_finished, is_stale
from elimctl.train.config import PAIR, TrainConfig
from elimctl.train.ranks import ALONE, Ranks
from elimctl.train.run import Run

Validate = Callable[[nn.Module], Scores | ClassScores]
Probe = Callable[[nn.Module, int], None]  # called with a model in evaluation mode and the step


@dataclass
class Session:
    """A run in progress: model, optimiser, progress."""

    run: Run  # its folder
    config: TrainConfig  # resolved
    model: nn.Module  # a method's module; it is moved to the run's device
    batches: Batches  # of the training split
    validate: Validate  # scores a model; called on every rank
    ranks: Ranks = ALONE  # the processes that train it
    progress: Progress = field(default_factory=Progress)  # of the run
    probe: Probe | None = None  # called on rank 0 after every validation; may append rows to `logs`
    logs: tuple[Path, ...] = ()  # files besides metrics.csv with rows that begin with the step

    def __post_init__(self) -> None:
        config, model = self.config, self.model
        _require_parts(self.batches, config.accumulate)
        self.device = hardware.device(config.device, local=self.ranks.local)
        self.autocast = hardware.autocast_type(config.precision, self.device)
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)  # default device for pinned memory and new tensors
        if self.ranks.size > 1:
            from elimctl.train.synchronise import synchronise  # takes seconds: it loads torch's compiler

            synchronise(model.get_submodule("backbone"), self.device)
        layout = torch.channels_last if config.channels_last else torch.preserve_format
        model.to(device=self.device, memory_format=layout)  # type: ignore[call-overload]
        model.passes = Passes(  # type: ignore[assignment]
            parts=config.accumulate,
            compiled=config.compile,
            rank=self.ranks.rank,
            ranks=self.ranks.size,
            norms=norm_layers(model),
        )
        self.losses = _spread(model) if self.ranks.size > 1 else partial(_losses, model)
        self.optimizer = optimiser.build(model, config)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.autocast == torch.float16)

    @property
    def stale(self) -> bool:
        """Whether early stopping applies."""
        return is_stale(self.progress, self.config)

    @property
    def finished(self) -> bool:
        """Whether no step is left to do."""
        return is_finished(self.progress, self.config)

    def place(self, batch: Batch) -> Batch:
        """A batch on the run's device, in its memory format."""
        moved = batch.to(self.device)
        return moved if self.config.channels_last else replace(moved, images=moved.images.contiguous())

    def resume(self) -> None:
        """Load the last checkpoint, if any, and remove the rows of the logs after it."""
        self.ranks.first_only(lambda: atomic.remove_leftovers(self.run.last.parent))
        if self.run.last.exists():
            self.progress = checkpoint.load(self.run.last, self.model, self.optimizer)
            self.ranks.require_same(self.progress.step, "a checkpoint")
            if self.progress.scaler:
                self.scaler.load_state_dict(self.progress.scaler)
        for path in (self.run.log, *self.logs):
            self.ranks.first_only(partial(log.rewind, path, self.progress.step))

    def save(self) -> None:
        """Write the checkpoint to resume from."""
        self.progress = replace(self.progress, scaler=self.scaler.state_dict() or None)
        checkpoint.save(self.run.last, self.model, self.optimizer, self.progress)


def _require_parts(batches: Batches, accumulate: int) -> None:
    """Refuse parts of a batch that are too small for BatchNorm."""
    images = min(batches.shares)
    if accumulate > 1 and images // accumulate < PAIR:
        raise ConfigError(
            f"train.accumulate={accumulate} makes parts of {images // accumulate} of the {images} images "
            f"of a rank, expected at least {PAIR}",
            hint=f"set train.accumulate to at most {max(1, images // PAIR)}, or raise --batch-size",
        )


class _Losses(nn.Module):
    """A method's losses as a forward pass, for DistributedDataParallel."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, update: int) -> dict[str, Tensor]:
        """Losses of an update."""
        return _losses(self.model, batch, update)


def _losses(model: nn.Module, batch: Batch, update: int) -> dict[str, Tensor]:
    return model.losses(batch, update=update)  # type: ignore[operator]


def _spread(model: nn.Module) -> DistributedDataParallel:
    """Losses of a model, with gradients averaged over the ranks."""
    return DistributedDataParallel(
        _Losses(model),
        gradient_as_bucket_view=True,
        find_unused_parameters=not getattr(model, "every_parameter", True),
    )
