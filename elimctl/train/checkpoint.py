"""Checkpoints: one safetensors file with model and optimiser; progress is JSON in its header."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn
from torch.optim import Optimizer

from elimctl import atomic
from elimctl.config import Values
from elimctl.errors import MissingError, StoreError
from elimctl.train.config import TrainConfig

FORMAT_VERSION = 2
HEADER = "elimctl"  # entry of the file's metadata


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a run."""

    step: int = 0  # optimiser steps done
    # best validation score (mean CCC, or accuracy); None before the first validation
    best: float | None = None
    best_step: int | None = None  # step of that validation
    scaler: dict[str, Any] | None = None  # state of the gradient scaler, for fp16


def save(path: Path, model: nn.Module, optimizer: Optimizer | None, progress: Progress) -> None:
    """Write a checkpoint atomically; without an optimizer it can only be evaluated.

    Raises:
        OSError: for example a full disk; an earlier checkpoint is unchanged.
    """
    tensors = {f"model.{name}": tensor.contiguous() for name, tensor in model.state_dict().items()}
    if optimizer is not None:
        tensors |= _optimizer_tensors(optimizer)
    facts = {"format_version": FORMAT_VERSION, "progress": asdict(progress)}
    header = {HEADER: json.dumps(facts)}  # one entry: safetensors writes several in random order
    atomic.write_bytes(path, serialise(tensors, metadata=header))


def load(path: Path, model: nn.Module, optimizer: Optimizer | None = None) -> Progress:
    """Read a checkpoint into a model (and optimiser), and return its progress.

    Raises:
        MissingError: the file does not exist.
        StoreError: the file is damaged, of another version of elimctl, or of another network.
    """
    with _opened(path) as (file, progress):
        tensors = dict(zip(file.keys(), map(file.get_tensor, file.keys()), strict=True))
    weights = {name[6:]: tensor for name, tensor in tensors.items() if name.startswith("model.")}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise StoreError(
            f"{path} holds another network: {str(error).splitlines()[-1].strip()}",
            hint="use the recipe.toml in the run's folder",
        ) from None
    if optimizer is not None:
        _load_optimizer(optimizer, tensors)
    return progress


def read_progress(path: Path) -> Progress:
    """Progress in the header of a checkpoint; raises as `load`."""
    with _opened(path) as (_, progress):
        return progress


@contextmanager
def opened(path: Path, kind: str, *, key: str, version: int, hint: str) -> Iterator[tuple[Any, Values]]:
    """A safetensors file of elimctl and the JSON in its header.

    Args:
        path: of the file.
        kind: what the file holds, for messages.
        key: a key that the JSON must have.
        version: newest format version that can be read.
        hint: how to make the file again.

    Raises:
        MissingError: the file does not exist.
        StoreError: the file is damaged, of another kind, or of a newer version.
    """
    if not path.is_file():
        raise MissingError(f"no {kind} {path}", hint=hint)
    try:
        with safe_open(path, "pt") as file:
            record = json.loads((file.metadata() or {}).get(HEADER, "{}"))
            if key not in record:
                raise StoreError(f"{path} is not a {kind} of elimctl", hint=hint)
            if record["format_version"] > version:
                raise StoreError(f"{path} was written by a newer elimctl", hint="upgrade elimctl")
            yield file, record
    except (SafetensorError, OSError) as error:
        raise StoreError(f"{path} is damaged: {error}", hint=hint) from None


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Progress]]:
    hint = "train the run: elimctl train"
    with opened(path, "checkpoint", key="progress", version=FORMAT_VERSION, hint=hint) as (file, record):
        if record["format_version"] < FORMAT_VERSION:
            raise StoreError(f"{path} was written by an older elimctl", hint=hint)
        yield file, Progress(**record["progress"])


def _optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{number}.{key}": torch.as_tensor(value).contiguous()
        for number, entry in state.items()
        for key, value in entry.items()
    }


def _load_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Load the state, each tensor in the memory layout of its parameter.

    Vectorised arithmetic rounds by position in memory: with another layout, resumed runs would differ.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".", 2)
            like = parameters[int(number)]
            laid_out = torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape else tensor
            state.setdefault(int(number), {})[key] = laid_out.detach()
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def is_stale(progress: Progress, config: TrainConfig) -> bool:
    """Whether the last `config.patience` validations brought no improvement; `config` is resolved."""
    if config.patience is None or progress.best_step is None:
        return False
    return progress.step - progress.best_step >= config.patience * (config.eval_every or 1)


def is_finished(progress: Progress, config: TrainConfig) -> bool:
    """Whether a run has no step left to do; `config` is resolved."""
    return is_stale(progress, config) or progress.step >= (config.steps or 0)
