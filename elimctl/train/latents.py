"""Latent distributions of a few training samples, watched while a run trains.

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
from elimctl.loader import subset
from elimctl.loader.batches import Samples
from elimctl.loader.dataset import Dataset
from elimctl.loader.view import View
from elimctl.train.config import RunConfig
from elimctl.train.task import Task, training_samples

NAME = "latents.csv"  # in a run's folder
KNOWN = ("step", "row", "annotated", "original")  # its columns; a share of each class follows
BATCH = 128  # images at a time


@dataclass(frozen=True, slots=True)
class Watched:
    """Training samples whose latent distributions are looked at.

    Args:
        row: (n,) rows of the manifest.
        annotated: (n,) codes of the classes that they are trained with.
        original: (n,) codes of the classes that they had before labels were flipped on purpose.
        classes: names of the classes.
    """

    row: np.ndarray
    annotated: np.ndarray
    original: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, positions: np.ndarray) -> "Watched":
        """Some of them."""
        return Watched(self.row[positions], self.annotated[positions], self.original[positions], self.classes)


@dataclass(frozen=True, slots=True)
class History:
    """What latents.csv holds.

    Args:
        step: (t,) steps, ascending.
        latent: (t, n, C) distributions.
        watched: the n samples.
    """

    step: np.ndarray
    latent: np.ndarray
    watched: Watched


def annotated(dataset: Dataset, task: Task, config: RunConfig) -> Watched:
    """All training samples of a run that learns classes, with their labels, flipped and as they were.

    Args:
        dataset: that the run was trained on.
        task: what it learns.
        config: its settings, `data.label_noise` and the seed of the flips among them.

    Raises:
        DataError: no row has a class, or there are fewer identities than `train.max_identities`.
    """
    samples = training_samples(config, dataset, task)
    flipped = (
        subset.flipped(samples, config.data.label_noise, seed=config.train.seed)
        if config.data.label_noise
        else samples
    )
    return Watched(samples.index, _codes(flipped), _codes(samples), task.classes)


def some(everything: Watched, count: int) -> Watched:
    """A few samples: half of them flipped, if there are such, and either half of as many classes as can be.

    Args:
        everything: to choose from.
        count: samples at most; the same are chosen each time.
    """
    changed = everything.annotated != everything.original
    flipped, rest = (_of_all_classes(everything, np.flatnonzero(own)) for own in (changed, ~changed))
    half = min(len(flipped), max(count // 2, count - len(rest)))
    return everything.take(np.concatenate([flipped[:half], rest[: count - half]]))


def distributions(
    model: nn.Module, dataset: Dataset, watched: Watched, *, view: View, device: torch.device
) -> np.ndarray:
    """Latent distributions of samples (She et al. 2021).

    Args:
        model: in evaluation mode, on `device`; it mines such distributions.
        dataset: of the samples.
        watched: n samples, at least one.
        view: what the model sees of them.
        device: where the model is.

    Returns:
        (n, C) shares of C classes, each row adding up to 1; the annotated class has none.

    Raises:
        StoreError: an image is missing or damaged.
    """
    found = []
    for start in range(0, len(watched), BATCH):
        part = slice(start, start + BATCH)
        pixels = dataset.pixels(watched.row[part], view)
        with torch.inference_mode():
            classes = torch.from_numpy(watched.annotated[part]).to(device)
            found.append(model.latent(pixels.to(device), classes).cpu().numpy())  # type: ignore[operator]
    return np.concatenate(found)


def probe(
    path: Path, dataset: Dataset, watched: Watched, *, view: View, device: torch.device
) -> Callable[[nn.Module, int], None]:
    """A function that adds the latent distributions of a model at a step to latents.csv.

    Args:
        path: of latents.csv.
        dataset: of the samples.
        watched: samples, at least one.
        view: what the model sees of them.
        device: where the model is.
    """

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
    """Positions in an order that takes the classes in turn."""
    codes = everything.annotated[positions]
    turn = np.empty(len(positions), np.int64)
    for code in np.unique(codes):
        turn[codes == code] = np.arange((codes == code).sum())
    return positions[np.lexsort((codes, turn))]


def _codes(samples: Samples) -> np.ndarray:
    assert samples.classes is not None, "a run that learns classes has samples with classes"
    return samples.classes
