"""Latent distributions of a few training samples, logged during training.

Source: She et al. 2021, supplement.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from elimctl.errors import StoreError
from elimctl.loader.batches import Samples
from elimctl.loader.dataset import Dataset
from elimctl.loader.view import View
from elimctl.train.config import RunConfig
from elimctl.train.task import Task, training_samples, with_label_noise

NAME = "latents.csv"  # in a run's folder
KNOWN = ("step", "row", "annotated", "original")  # its columns, before one column per class
BATCH = 128  # images at a time


@dataclass(frozen=True, slots=True)
class Watched:
    """Training samples with logged latent distributions."""

    row: np.ndarray  # (n,) rows of the manifest
    annotated: np.ndarray  # (n,) codes of the classes used in training
    original: np.ndarray  # (n,) codes of the true classes, before label noise
    classes: tuple[str, ...]  # names of the classes

    def __len__(self) -> int:
        return len(self.row)

    def take(self, positions: np.ndarray) -> "Watched":
        """Some of them."""
        return Watched(self.row[positions], self.annotated[positions], self.original[positions], self.classes)


@dataclass(frozen=True, slots=True)
class History:
    """Content of latents.csv."""

    step: np.ndarray  # (t,) steps, ascending
    latent: np.ndarray  # (t, n, C) distributions
    watched: Watched  # the n samples


def annotated(dataset: Dataset, task: Task, config: RunConfig) -> Watched:
    """All training samples of a run that learns classes, with noisy and true labels.

    Raises:
        DataError: no row has a class, or there are fewer identities than `train.max_identities`.
    """
    samples = training_samples(config, dataset, task)
    noisy = with_label_noise(samples, config)
    return Watched(samples.index, _codes(noisy), _codes(samples), task.classes)


def some(everything: Watched, count: int) -> Watched:
    """At most `count` samples, always the same: half with a wrong label if possible, from many classes."""
    changed = everything.annotated != everything.original
    flipped, rest = (_of_all_classes(everything, np.flatnonzero(which)) for which in (changed, ~changed))
    half = min(len(flipped), max(count // 2, count - len(rest)))
    return everything.take(np.concatenate([flipped[:half], rest[: count - half]]))


def distributions(
    model: nn.Module, dataset: Dataset, watched: Watched, *, view: View, device: torch.device
) -> np.ndarray:
    """Latent distributions of samples (She et al. 2021).

    Args:
        model: in evaluation mode, on `device`; its method has latent distributions.
        dataset: of the samples.
        watched: n samples, n >= 1.
        view: what the model sees of an image.
        device: of the model.

    Returns:
        (n, C) probabilities of C classes; the annotated class has 0.

    Raises:
        StoreError: an image is missing or damaged.
    """
    latent = []
    for start in range(0, len(watched), BATCH):
        part = slice(start, start + BATCH)
        pixels = dataset.pixels(watched.row[part], view)
        with torch.inference_mode():
            classes = torch.from_numpy(watched.annotated[part]).to(device)
            latent.append(model.latent(pixels.to(device), classes).cpu().numpy())  # type: ignore[operator]
    return np.concatenate(latent)


def probe(
    path: Path, dataset: Dataset, watched: Watched, *, view: View, device: torch.device
) -> Callable[[nn.Module, int], None]:
    """A function that appends the latent distributions of a model at a step to latents.csv at `path`."""

    def observe(model: nn.Module, step: int) -> None:
        latent = distributions(model, dataset, watched, view=view, device=device)
        classes = watched.classes
        new = not path.exists() or not path.stat().st_size
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow((*KNOWN, *classes))
            for number, row in enumerate(watched.row.tolist()):
                codes = watched.annotated[number], watched.original[number]
                shares = [repr(float(share)) for share in latent[number]]
                writer.writerow((step, row, *(classes[code] for code in codes), *shares))

    return observe


def read(path: Path) -> History:
    """Read latents.csv.

    Raises:
        StoreError: it is damaged.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        classes = tuple(header[len(KNOWN) :])
        step, row = (np.array([int(line[column]) for line in rows]) for column in (0, 1))
        codes = [np.array([classes.index(line[column]) for line in rows]) for column in (2, 3)]
        shares = np.array([[float(share) for share in line[len(KNOWN) :]] for line in rows])
        steps, count = np.unique(step), int((step == step[0]).sum())
        first = Watched(row[:count], codes[0][:count], codes[1][:count], classes)
        return History(steps, shares.reshape(len(steps), count, len(classes)), first)
    except (ValueError, IndexError) as error:
        raise StoreError(f"{path} is damaged: {error}", hint="train the run again") from None


def _of_all_classes(everything: Watched, positions: np.ndarray) -> np.ndarray:
    """Positions in an order that alternates between the classes."""
    codes = everything.annotated[positions]
    turn = np.empty(len(positions), np.int64)
    for code in np.unique(codes):
        turn[codes == code] = np.arange((codes == code).sum())
    return positions[np.lexsort((codes, turn))]


def _codes(samples: Samples) -> np.ndarray:
    assert samples.classes is not None, "a run that learns classes has samples with classes"
    return samples.classes
