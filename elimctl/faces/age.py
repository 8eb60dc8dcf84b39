"""The age model of insightface's packs: an apparent age for each face."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elimctl.faces import align, models
from elimctl.faces.align import CropOptions
from elimctl.faces.face import Face
from elimctl.faces.options import Device
from elimctl.faces.stored import face_box

PATTERNS = ("genderage*.onnx",)  # its name in the packs
PREPROCESSING = "genderage-1"  # of `surroundings`; another number where it changes what the model sees
MARGIN = 0.25  # what insightface shows the model: a square of 1.5 times the box's longer side
YEARS = 100  # the model answers in units of 100 years
OLDEST = 150.0  # the manifest's range


class AgeModel:
    """A loaded age model.

    Args:
        model: insightface's model.
        crop: how the images of the store were cropped.
    """

    def __init__(self, model: Any, *, crop: CropOptions) -> None:
        self._model, self._crop = model, crop

    def embed(self, images: np.ndarray, points: Sequence[np.ndarray | None]) -> np.ndarray:  # noqa: ARG002
        """Apparent ages.

        Args:
            images: (B, S, S, 3) uint8 RGB crops of the store, B > 0.
            points: not looked at; the model was trained on boxes.

        Returns:
            (B, 1) float32, years in [0, 150].
        """
        side_px = self._model.input_size[0]
        faces = np.stack([surroundings(image, self._crop, side_px=side_px) for image in images])
        # two scores for the gender come first
        years = models.run(self._model, faces)[:, 2:3] * YEARS
        return np.clip(years, 0, np.float32(OLDEST))


def find(folder: Path | None) -> Path:
    """The model's file in a folder of models, or in insightface's own cache.

    Raises:
        MissingError: there is none; the hint is the command that downloads one.
    """
    return models.find(folder, PATTERNS, what="an age model")


def load(file: Path, *, crop: CropOptions, device: Device = "auto", threads: int = 0) -> AgeModel:
    """Load a model's file.

    Args:
        file: what `find` gave.
        crop: how the images of the store were cropped.
        device: where it runs.
        threads: CPU threads inside one operator; 0: one per core.

    Raises:
        ConfigError: the file is no age model, or CUDA was asked for and cannot be used.
    """
    model = models.load(file, task="genderage", what="age model", device=device, threads=threads)
    return AgeModel(model, crop=crop)


def surroundings(image: np.ndarray, crop: CropOptions, *, side_px: int) -> np.ndarray:
    """What the age model looks at: the face and half its side more, as large as in its training.

    A crop of the store with a margin of 0.25 holds all of it; of a narrower one the border is repeated.

    Args:
        image: (S, S, 3) uint8 RGB.
        crop: how the image was cropped.
        side_px: side of the result.

    Returns:
        (side_px, side_px, 3) uint8 RGB.
    """
    face = Face(box=face_box(crop), score=1.0, points=None)
    return align.crop(image, face, CropOptions(size_px=side_px, align="box", margin=MARGIN))
