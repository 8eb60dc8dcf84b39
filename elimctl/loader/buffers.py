"""Memory that batches are gathered into."""

import weakref
from collections import defaultdict
from math import prod
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from elimctl.errors import ConfigError

Memory = Literal["plain", "pinned", "shared"]


class Buffers:
    """Buffers that are used again once nothing refers to the tensor in them; threads may share them.

    Args:
        memory: `pinned`: copies to a CUDA device do not wait; `shared`: what is sent to another process is
            not copied, and not used again here.
    """

    def __init__(self, memory: Memory = "plain") -> None:
        self.memory = memory
        self._free: defaultdict[tuple[int, ...], list[np.ndarray]] = defaultdict(list)

    def take(self, shape: tuple[int, ...]) -> Tensor:
        """A buffer of uint8 with any content.

        Args:
            shape: of the buffer.

        Raises:
            ConfigError: there is no shared memory left.
        """
        if self.memory == "shared":
            return _shared(shape)
        if self.memory == "pinned":
            # torch uses pinned memory again itself, after the copies from it that are under way
            return torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        free = self._free[shape]
        try:
            memory = free.pop()
        except IndexError:
            memory = np.empty(shape, np.uint8)
        lent = memory[:]  # held by the tensor's storage, and that by whatever shares it
        weakref.finalize(lent, free.append, memory).atexit = False
        return torch.from_numpy(lent)


def _shared(shape: tuple[int, ...]) -> Tensor:
    """Memory that other processes may map; `Tensor.share_memory_` would copy into it what is there before."""
    size = prod(shape)
    try:
        storage = torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise ConfigError(
            f"no {size / 1e6:.1f} MB of shared memory for a batch: {str(error).splitlines()[0]}",
            hint="add --set train.worker_kind=thread, or give /dev/shm more room",
        ) from None
    return torch.empty(0, dtype=torch.uint8).set_(storage).view(shape)
