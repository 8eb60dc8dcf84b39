"""Ranks: processes that train one run together, started by torchrun or `elimctl train --nproc`."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed

from elimctl.errors import ConfigError, RankError

TIMEOUT = timedelta(minutes=30)  # how long ranks wait for each other; a large checkpoint takes minutes

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among the ranks of a run."""

    rank: int = 0  # its number, from 0; only rank 0 writes files
    size: int = 1  # number of ranks
    local: int = 0  # its number on this machine, and of its GPU

    @property
    def first(self) -> bool:
        """Whether this is rank 0."""
        return self.rank == 0

    def agree(self, value: Value) -> Value:
        """The value of rank 0, on every rank."""
        if self.size == 1:
            return value
        values: list[Any] = [value]
        distributed.broadcast_object_list(values, device=torch.device("cpu"))
        return values[0]

    def agree_on(self, answer: bool) -> bool:
        """The answer of rank 0, on every rank; cheap enough for every step."""
        if self.size == 1:
            return answer
        flag = torch.tensor([answer], dtype=torch.uint8)
        distributed.broadcast(flag, src=0)
        return bool(flag)

    def first_only(self, act: Callable[[], object]) -> None:
        """Do something on rank 0 while the others wait."""
        if self.first:
            act()
        if self.size > 1:
            self.agree_on(True)

    def require_same(self, value: Value, what: str) -> None:
        """Raise ConfigError if this rank has another value than rank 0."""
        if self.agree(value) != value:
            raise ConfigError(
                f"rank {self.rank} of {self.size} has {what} other than rank 0",
                hint="start all ranks with the same command and the same workspace",
            )

    def add_up(self, values: torch.Tensor) -> None:
        """Sum the values of all ranks, in place, on the CPU."""
        if self.size > 1:
            distributed.all_reduce(values)


ALONE = Ranks()  # a single process


def are_many() -> bool:
    """Whether this process is one of several ranks."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Join the process group if this is one of several ranks, and leave it at the end.

    Raises:
        ConfigError: the environment lacks the number of this rank, or one CUDA device is named for all.
        RankError: another rank has stopped.
    """
    if not are_many():
        yield Ranks()
        return
    try:
        ranks = Ranks(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
        meeting = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but {error} is missing or invalid",
            hint="start with torchrun, or with elimctl train --nproc N; or unset WORLD_SIZE",
        ) from None
    on_cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if on_cuda and ":" in device:
        raise ConfigError(
            f"device {device} for all of {ranks.size} ranks, expected one device for each",
            hint="use --device cuda: rank N takes GPU N",
        )
    # control values stay on the CPU, so that the GPU is not waited for
    try:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if on_cuda else "gloo", timeout=TIMEOUT)
        yield ranks
    except RuntimeError as error:
        if not _is_lost(error):
            raise
        raise RankError(
            f"rank {ranks.rank} of {ranks.size} ({meeting[0]}:{meeting[1]}) lost another one: "
            f"{_first_sentence(error)}",
            hint="see the error of that rank; continue with elimctl train --resume",
        ) from error
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _is_lost(error: RuntimeError) -> bool:
    """Whether an error means a lost rank: gloo has no class for it."""
    text = str(error)
    return isinstance(error, distributed.DistError) or "gloo" in text or "NCCL" in text


def _first_sentence(error: RuntimeError) -> str:
    """First sentence of an error of torch, without its place in the source."""
    return re.sub(r"^\[[^]]*\]\s*", "", str(error).splitlines()[0]).partition(". ")[0]
