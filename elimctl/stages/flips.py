"""What a run makes of training labels that were flipped on purpose."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from elimctl.loader.view import View
from elimctl.stages import latents
from elimctl.stages.dataset import Dataset
from elimctl.stages.task import Task
from elimctl.train.config import RunConfig


@dataclass(frozen=True, slots=True)
class Flips:
    """How flipped samples are seen.

    Args:
        count: number of flipped samples.
        original_first: share of them whose latent distribution ranks the class first that they had.
        chance: that share of a guess.
    """

    count: int
    original_first: float
    chance: float


def original_first(
    model: nn.Module, dataset: Dataset, task: Task, config: RunConfig, *, view: View, device: torch.device
) -> Flips | None:
    """How often the latent distribution finds the class that a flipped sample had.

    Args:
        model: of a run, in evaluation mode, on `device`.
        dataset: the run's.
        task: what it has learned.
        config: the run's settings.
        view: what the model sees of an image.
        device: where the model is.

    Returns:
        None where no label was flipped, or the method has no latent distribution.

    Source: She et al. 2021, supplement, section 2.
    """
    if not (config.data.flip and hasattr(model, "latent")):
        return None
    everything = latents.annotated(dataset, task, config)
    flipped = everything.take(np.flatnonzero(everything.annotated != everything.original))
    right = 0
    if len(flipped):
        latent = latents.distributions(model, dataset, flipped, view=view, device=device)
        right = int((latent.argmax(axis=1) == flipped.original).sum())
    # the annotated class has no share in it
    return Flips(len(flipped), right / max(len(flipped), 1), 1 / (len(task.classes) - 1))
