"""Training batches: drawn, gathered, cropped; each a pure function of the step.

Threads or processes keep a few batches ready. What they make does not depend on when they run, so neither
their number nor their pace changes a value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from elimctl.errors import ConfigError
from elimctl.loader import sampler
from elimctl.loader.batch import Batch
from elimctl.loader.crop import Crops, centre, cut, draw_crops
from elimctl.loader.groups import matching_groups, shares
from elimctl.loader.prefetch import Buffers, prefetch, prefetch_in_processes
from elimctl.loader.transforms import Transforms
from elimctl.store.images import Reader


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a split, as arrays.

    Args:
        index: (n,) int64, row numbers in the manifest and the store.
        target: (n, 2) float32, (valence, arousal) in [-1, 1].
        identity: (n,) int64 codes.
        names: name of each identity code.
        classes: (n,) int64 codes of the classes of expression; None where the samples have none.
        class_names: name of each of these codes.
        age: (n,) float32, years, NaN where it is not known; None where no sample has one.
    """

    index: np.ndarray
    target: np.ndarray
    identity: np.ndarray
    names: tuple[str, ...]
    classes: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    age: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, slots=True)
class Plan:
    """How batches are made.

    Args:
        batch_size: B.
        sampler: `identity` (N identities x floor(B / N)), `class` (all equally likely) or `shuffle`.
        identities_per_batch: N, identities that take part in matching.
        min_samples: samples an identity needs in the batch to take part in matching.
        crop_px: side of the crops.
        hflip: probability of a horizontal flip, in [0, 1].
        seed: the run's seed.
        transforms: what is applied to the crops after that.
        rank: which of the processes that train together this one is.
        ranks: how many train together; each holds the images of its share of the batch.
    """

    batch_size: int
    sampler: Literal["identity", "shuffle", "class"]
    identities_per_batch: int
    min_samples: int
    crop_px: int
    hflip: float
    seed: int
    transforms: Transforms | None = None
    rank: int = 0
    ranks: int = 1


class Batches:
    """Batches of a training split.

    Args:
        reader: the image store.
        samples: the split.
        plan: how batches are made.
        workers: threads that make batches ahead of their use; 0: none.
        processes: whether they are processes instead, to which the reader is sent.
        pinned: whether batches are in pinned memory, for a CUDA device.

    Raises:
        ConfigError: the crop is larger than the stored images, or a batch has fewer samples than there are
            ranks.
        DataError: the split has too few identities or samples for the sampler.
    """

    def __init__(
        self,
        reader: Reader,
        samples: Samples,
        plan: Plan,
        *,
        workers: int = 1,
        processes: bool = False,
        pinned: bool = False,
    ) -> None:
        centre(np.empty((0, *reader.shape[1:]), np.uint8), plan.crop_px)  # refuses a crop that does not fit
        self.reader, self.samples, self.plan = reader, samples, plan
        self.workers, self.processes = workers, processes
        self.steps_per_epoch = sampler.steps_per_epoch(len(samples), plan.batch_size)
        self._buffers = Buffers("pinned" if pinned else "plain")
        self._members = sampler.members(samples.identity)
        codes, names = samples.classes, samples.class_names
        if plan.sampler == "class" and codes is None:
            raise ConfigError(
                "train.sampler = 'class' with a method that learns valence and arousal",
                hint="choose train.sampler = 'identity' or 'shuffle', or train --method dmue",
            )
        self._of_classes = [np.flatnonzero(codes == code) for code in range(len(names))]
        count = len(self.positions(0))
        unit = (
            count // plan.identities_per_batch if plan.sampler == "identity" else 1
        )  # an identity stays on one rank
        self.shares = shares(count, plan.ranks, unit=unit)
        if count < plan.ranks:
            raise ConfigError(
                f"a batch of {count} samples for {plan.ranks} ranks, expected at least one per rank",
                hint="train with fewer processes, or with larger batches",
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return _sent, (self.reader, self.samples, self.plan)

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0 over the whole run."""
        positions = self.positions(step)
        rng = sampler.generator("crops", self.plan.seed, step)
        slack_px = self.reader.shape[1] - self.plan.crop_px
        # of the whole batch, so that what is drawn after them is the same on every rank
        crops = draw_crops(rng, len(positions), slack_px=slack_px, hflip=self.plan.hflip)
        start = sum(self.shares[: self.plan.rank])
        own = slice(start, start + self.shares[self.plan.rank])
        pixels = self._gather(self.samples.index[positions[own]], crops[own], step // self.steps_per_epoch)
        identity = self.samples.identity[positions]
        groups = matching_groups(
            identity, identities=self.plan.identities_per_batch, min_samples=self.plan.min_samples, rng=rng
        )
        batch = Batch(
            images=pixels.permute(0, 3, 1, 2),  # (b, 3, H, W) over channels-last memory, no copy
            target=torch.from_numpy(self.samples.target[positions]),
            identity=torch.from_numpy(identity),
            index=torch.from_numpy(self.samples.index[positions]),
            groups=torch.from_numpy(groups),
            seed=int(rng.integers(2**62)),
            step=step,
            shares=self.shares if self.plan.ranks > 1 else (),
            classes=_taken(self.samples.classes, positions),
            age=_taken(self.samples.age, positions),
        )
        return batch.pin_memory() if self._buffers.memory == "pinned" else batch

    def positions(self, step: int) -> np.ndarray:
        """Positions in the split of the samples of a step's batch."""
        epoch, within = divmod(step, self.steps_per_epoch)
        plan = self.plan
        if plan.sampler == "shuffle":
            return sampler.shuffled(
                len(self.samples), batch_size=plan.batch_size, seed=plan.seed, epoch=epoch, step=within
            )
        if plan.sampler == "class":
            return sampler.class_balanced(
                self._of_classes,
                batch_size=plan.batch_size,
                seed=plan.seed,
                epoch=epoch,
                step=within,
                names=self.samples.class_names,
            )
        return sampler.identity_balanced(
            self._members,
            batch_size=plan.batch_size,
            identities=plan.identities_per_batch,
            seed=plan.seed,
            epoch=epoch,
            step=within,
        )

    def stream(self, start: int, stop: int) -> Iterator[Batch]:
        """Batches of the steps `start` to `stop` - 1, made ahead by the workers."""
        if self.processes and self.workers:
            return prefetch_in_processes(
                self.batch,
                range(start, stop),
                workers=self.workers,
                pinned=self._buffers.memory == "pinned",
            )
        return prefetch(self.batch, range(start, stop), workers=self.workers)

    def _gather(self, index: np.ndarray, crops: Crops, epoch: int) -> UInt8[Tensor, "b S S 3"]:
        """The crops of images, transformed, in a buffer."""
        pixels = self._buffers.take((len(index), self.plan.crop_px, self.plan.crop_px, 3))
        cut(self.reader.views(index), crops, out=pixels.numpy())
        if self.plan.transforms is not None:
            self.plan.transforms(pixels.numpy(), index, seed=self.plan.seed, epoch=epoch)
        return pixels


def _taken(values: np.ndarray | None, positions: np.ndarray) -> Tensor | None:
    return None if values is None else torch.from_numpy(values[positions])


def _sent(reader: Reader, samples: Samples, plan: Plan) -> Batches:
    """What another process gets of `Batches`: it gathers where its batches can be sent without a copy."""
    batches = Batches(reader, samples, plan, workers=0)
    batches._buffers = Buffers("shared")
    return batches
