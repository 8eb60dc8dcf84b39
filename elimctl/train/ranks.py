"""The processes that train one run together, as torchrun or `elimctl train --nproc` starts them."""

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

TIMEOUT = timedelta(minutes=30)  # that one rank waits for another: as long as a large first checkpoint takes

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those that train a run.

    Args:
        rank: its number, from 0; rank 0 alone writes.
        size: number of processes.
        local: its number on this machine, which is also that of its GPU.
    """

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def agree(self, value: Made) -> Made:
        """What rank 0 says, on every rank."""
        if self.size == 1:
            return value
        said: list[Any] = [value]
        distributed.broadcast_object_list(said, device=torch.device("cpu"))
        return said[0]

    def agree_on(self, answer: bool) -> bool:
        """A yes or no of rank 0, on every rank, asked at every step."""
        if self.size == 1:
            return answer
        said = torch.tensor([answer], dtype=torch.uint8)
        distributed.broadcast(said, src=0)
        return bool(said)

    def first_only(self, act: Callable[[], object]) -> None:
        """Do something on rank 0, while the others wait until it is done."""
        if self.first:
            act()
        if self.size > 1:
            self.agree_on(True)

    def require_same(self, value: Made, what: str) -> None:
        """Refuse to go on where this rank has something else than rank 0.

        Raises:
            ConfigError: it has.
        """
        if self.agree(value) != value:
            raise ConfigError(
                f"rank {self.rank} of {self.size} has {what} other than rank 0",
                hint="let all ranks see the same workspace, and start them with the same command",
            )

    def add_up(self, values: torch.Tensor) -> None:
        """Add the values of all ranks up, in place; on the CPU."""
        if self.size > 1:
            distributed.all_reduce(values)


ALONE = Ranks()  # a process that trains by itself


def are_many() -> bool:
    """Whether this process was started as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Join the other processes, if this is one of several; leave them at the end.

    Args:
        device: as `hardware.device` takes it; gradients go by NCCL between GPUs, else by gloo.

    Raises:
        ConfigError: the environment does not say which of them this is, or one CUDA device was named for all.
        RankError: another one has stopped.
    """
    if not are_many():
        yield Ranks()
        return
    try:
        ranks = Ranks(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
        meeting = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but there is no good {error}",
            hint="start with torchrun, or with elimctl train --nproc N; or unset WORLD_SIZE",
        ) from None
    on_cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if on_cuda and ":" in device:
        raise ConfigError(
            f"device {device} for all of {ranks.size} ranks; wanted one for each",
            hint="use --device cuda: every rank takes the GPU of its number",
        )
    # values that decide what is done next stay on the CPU, for which nothing has to wait
    try:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if on_cuda else "gloo", timeout=TIMEOUT)
        yield ranks
    except RuntimeError as error:
        if not _is_lost(error):
            raise
        raise RankError(
            f"rank {ranks.rank} of {ranks.size}, which meet at {meeting[0]}:{meeting[1]}, lost another one: "
            f"{_told(error)}",
            hint="see what that one says; elimctl train --resume goes on from the last checkpoint",
        ) from error
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _is_lost(error: RuntimeError) -> bool:
    """Whether an error says that another process has gone: gloo has no class for it."""
    said = str(error)
    return isinstance(error, distributed.DistError) or "gloo" in said or "NCCL" in said


def _told(error: RuntimeError) -> str:
    """What a library says, without where in its source it says so, and without more than one sentence."""
    return re.sub(r"^\[[^]]*\]\s*", "", str(error).splitlines()[0]).partition(". ")[0]
