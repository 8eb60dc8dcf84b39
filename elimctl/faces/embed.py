"""Models of insightface's packs that describe a face: ArcFace here, the age model in `age`.

Source: Deng et al. 2019, ArcFace: Additive Angular Margin Loss for Deep Face Recognition.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elimctl.errors import DataError
from elimctl.faces import align, models
from elimctl.faces.align import CropOptions
from elimctl.faces.face import Face
from elimctl.faces.options import Device
from elimctl.faces.stored import template_box

# Model input (side_px, side_px, 3) from an image of the store, its five points or None, and the crop options.
Preprocess = Callable[[np.ndarray, np.ndarray | None, CropOptions, int], np.ndarray]


@dataclass(frozen=True, slots=True)
class FaceModel:
    """A kind of model in insightface's packs."""

    name: str  # name in elimctl
    title: str  # what messages call such a model
    task: str  # the task that insightface reports for it
    patterns: tuple[str, ...]  # file names in the packs
    version: str  # version of `preprocess`; a change of the model's input needs a new one
    preprocess: Preprocess  # makes the input of the model
    postprocess: Callable[[np.ndarray], np.ndarray]  # turns outputs (B, k) into features (B, d)

    def find(self, folder: Path | None) -> Path:
        """Find the model's file in a folder of models, or in insightface's cache; MissingError if missing."""
        return models.find(folder, self.patterns, what=self.title)

    def load(self, file: Path, *, crop: CropOptions, device: Device = "auto", threads: int = 0) -> "Embedder":
        """Load a model file for images of the store, which were cropped by `crop`; `threads` 0: one per core.

        Raises:
            ConfigError: the file holds another model, or CUDA was requested and does not work.
        """
        model = models.load(file, task=self.task, what=self.title, device=device, threads=threads)
        return Embedder(self, model, crop)


class Embedder:
    """A loaded model of insightface's packs."""

    def __init__(self, kind: FaceModel, model: Any, crop: CropOptions) -> None:
        self._kind, self._model, self._crop = kind, model, crop

    def embed(self, images: np.ndarray, points: Sequence[np.ndarray | None]) -> np.ndarray:
        """Compute the features (B, d) float32 of crops of the store, (B, S, S, 3) uint8 RGB, B > 0.

        Points are (5, 2) in px of the crop, or None. ArcFace features have length 1 and d = 512 in the packs;
        ages are years in [0, 150], with d = 1.
        """
        side_px = self._model.input_size[0]
        faces = [
            self._kind.preprocess(image, five, self._crop, side_px)
            for image, five in zip(images, points, strict=True)
        ]
        return self._kind.postprocess(models.run(self._model, np.stack(faces)))


def aligned(
    image: np.ndarray,
    points: np.ndarray | None,
    crop: CropOptions,
    side_px: int = align.TEMPLATE_SIDE_PX,
) -> np.ndarray:
    """Turn a crop of the store, (S, S, 3) uint8 RGB, into ArcFace's crop (side_px, side_px, 3).

    The points (5, 2) are in px of the image. Without usable points, the place of a frontal face is taken.
    """
    if points is not None:
        face = Face(box=(0, 0, *image.shape[:2]), score=1.0, points=points)
        try:
            return align.crop(image, face, CropOptions(size_px=side_px, align="points", room=0))
        except DataError:
            pass
    face = Face(box=template_box(crop), score=1.0, points=None)
    return align.crop(image, face, CropOptions(size_px=side_px, align="box", margin=0))


def _unit_length(features: np.ndarray) -> np.ndarray:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.float32(1e-12))


ARCFACE = FaceModel(
    name="arcface",
    title="ArcFace model",
    task="recognition",
    # names in the packs: w600k_r50.onnx (buffalo_l), w600k_mbf.onnx (buffalo_s), glintr100.onnx (antelopev2)
    patterns=("w600k_*.onnx", "glintr100.onnx", "arcface*.onnx"),
    version="arcface-1",
    preprocess=aligned,
    postprocess=_unit_length,
)
