"""What a run makes of training labels that were flipped on purpose."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from elimctl.loader import subset
from elimctl.loader.crop import centre
from elimctl.stages.dataset import Dataset
from elimctl.stages.task import Task, training_samples
from elimctl.train.config import RunConfig

BATCH = 128  # images at a time


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
    model: nn.Module, dataset: Dataset, task: Task, config: RunConfig, *, device: torch.device
) -> Flips | None:
    """How often the latent distribution finds the class that a flipped sample had.

    Args:
        model: of a run, in evaluation mode, on `device`.
        dataset: the run's.
        task: what it has learned.
        config: the run's settings.
        device: where the model is.

    Returns:
        None where no label was flipped, or the method has no latent distribution.

    Source: She et al. 2021, supplement, section 2.
    """
    if not (config.data.flip and hasattr(model, "latent")):
        return None
    samples = training_samples(config, dataset, task)
    flipped = subset.flipped(samples, config.data.flip, seed=config.train.seed)
    assert samples.classes is not None
    assert flipped.classes is not None
    changed = np.flatnonzero(samples.classes != flipped.classes)
    right = 0
    for start in range(0, len(changed), BATCH):
        part = changed[start : start + BATCH]
        images = centre(dataset.reader.read(samples.index[part]), config.model.image_px)
        pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
        with torch.inference_mode():
            annotated = torch.from_numpy(flipped.classes[part]).to(device)
            latent = model.latent(pixels.to(device), annotated)  # type: ignore[operator]
        right += int((latent.argmax(dim=1).cpu().numpy() == samples.classes[part]).sum())
    # the annotated class has no share in it
    return Flips(len(changed), right / max(len(changed), 1), 1 / (len(task.classes) - 1))
