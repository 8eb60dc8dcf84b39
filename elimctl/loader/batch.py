"""One training batch."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of one step, and which of them form groups.

    Where several ranks train, only the images are this rank's share of the batch, b <= B of them; everything
    else is of the whole batch, the same on every rank.

    Args:
        images: RGB 0..255.
        target: (valence, arousal) in [-1, 1].
        identity: code of each sample's identity.
        index: manifest row of each sample.
        groups: positions in the batch of the samples of each identity that takes part in matching, at
            least two each, padded at the end with -1; no row where nothing can be matched.
        seed: for what the method draws itself: reference identity, Gumbel noise.
        step: number of the step in the run, from 0.
        shares: number of images that each rank has, in their order; empty where there is one rank.
        classes: code of each sample's class of expression; None where the samples have none.
        age: age of each person, years, NaN where it is not known; None where no sample has one.
    """

    images: UInt8[Tensor, "b 3 H W"]
    target: Float32[Tensor, "B 2"]
    identity: Int64[Tensor, " B"]
    index: Int64[Tensor, " B"]
    groups: Int64[Tensor, "N n"]
    seed: int
    step: int
    shares: tuple[int, ...] = ()
    classes: Int64[Tensor, " B"] | None = None
    age: Float32[Tensor, " B"] | None = None

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on a device; copies from pinned memory do not wait."""
        # towards the CPU nothing would wait for the copy to end before the values are read
        non_blocking = torch.device(device).type != "cpu"
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Batch":
        """The same batch in pinned memory; what is there already is not copied."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        changed = {
            entry.name: change(value)
            for entry in fields(self)
            if isinstance(value := getattr(self, entry.name), Tensor)
        }
        return replace(self, **changed)  # type: ignore[arg-type]
