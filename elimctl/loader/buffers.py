"""Memory that batches are gathered into."""

import weakref
from collections import defaultdict

import numpy as np
import torch
from torch import Tensor


class Buffers:
    """Buffers that are used again once nothing refers to the tensor in them; threads may share them.

    Args:
        pinned: whether the memory is pinned, so that copies to a CUDA device do not wait.
    """

    def __init__(self, *, pinned: bool) -> None:
        self.pinned = pinned
        self._free: defaultdict[tuple[int, ...], list[np.ndarray]] = defaultdict(list)

    def take(self, shape: tuple[int, ...]) -> Tensor:
        """A buffer of uint8 with any content.

        Args:
            shape: of the buffer.
        """
        if self.pinned:  # torch uses pinned memory again itself, after the copies from it that are under way
            return torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        free = self._free[shape]
        try:
            memory = free.pop()
        except IndexError:
            memory = np.empty(shape, np.uint8)
        lent = memory[:]  # held by the tensor's storage, and that by whatever shares it
        weakref.finalize(lent, free.append, memory).atexit = False
        return torch.from_numpy(lent)
