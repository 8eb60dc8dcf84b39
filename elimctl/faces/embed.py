"""ArcFace, the recognition model of insightface's packs: faces of one person get features that point one way.

Source: Deng et al. 2019, ArcFace: Additive Angular Margin Loss for Deep Face Recognition.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elimctl.errors import DataError
from elimctl.faces import align, models
from elimctl.faces.align import CropOptions
from elimctl.faces.face import Face
from elimctl.faces.options import Device
from elimctl.faces.stored import template_box

# names in the packs: w600k_r50.onnx (buffalo_l), w600k_mbf.onnx (buffalo_s), glintr100.onnx (antelopev2)
PATTERNS = ("w600k_*.onnx", "glintr100.onnx", "arcface*.onnx")
PREPROCESSING = "arcface-1"  # of `aligned`; another number where it changes what a model sees


class ArcFace:
    """A loaded recognition model.

    Args:
        model: insightface's model.
        crop: how the images of the store were cropped.
    """

    def __init__(self, model: Any, *, crop: CropOptions) -> None:
        self._model, self._crop = model, crop

    def embed(self, images: np.ndarray, points: Sequence[np.ndarray | None]) -> np.ndarray:
        """Features of crops of the store.

        Args:
            images: (B, S, S, 3) uint8 RGB, B > 0.
            points: for each (5, 2) points in px of the crop, or None.

        Returns:
            (B, d) float32 of length 1; d is 512 for the models of the packs.
        """
        side_px = self._model.input_size[0]
        pairs = zip(images, points, strict=True)
        faces = np.stack([aligned(image, five, self._crop, side_px=side_px) for image, five in pairs])
        features = models.run(self._model, faces)
        return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.float32(1e-12))


def find(folder: Path | None) -> Path:
    """The model's file in a folder of models, or in insightface's own cache.

    Raises:
        MissingError: there is none; the hint is the command that downloads one.
    """
    return models.find(folder, PATTERNS, what="an ArcFace model")


def load(file: Path, *, crop: CropOptions, device: Device = "auto", threads: int = 0) -> ArcFace:
    """Load a model's file.

    Args:
        file: what `find` gave.
        crop: how the images of the store were cropped.
        device: where it runs.
        threads: CPU threads inside one operator; 0: one per core.

    Raises:
        ConfigError: the file is no recognition model, or CUDA was asked for and cannot be used.
    """
    model = models.load(file, task="recognition", what="recognition model", device=device, threads=threads)
    return ArcFace(model, crop=crop)


def aligned(
    image: np.ndarray,
    points: np.ndarray | None,
    crop: CropOptions,
    *,
    side_px: int = align.TEMPLATE_SIDE_PX,
) -> np.ndarray:
    """Bring a crop of the store to ArcFace's crop.

    Without points, or with points that no face has, the place of a frontal face's crop is taken.

    Args:
        image: (S, S, 3) uint8 RGB.
        points: (5, 2) in px of the image, in the order of `face.Face`, or None.
        crop: how the image was cropped.
        side_px: side of the result.

    Returns:
        (side_px, side_px, 3) uint8 RGB.
    """
    if points is not None:
        face = Face(box=(0, 0, *image.shape[:2]), score=1.0, points=points)
        try:
            return align.crop(image, face, CropOptions(size_px=side_px, align="points", room=0))
        except DataError:
            pass
    face = Face(box=template_box(crop), score=1.0, points=None)
    return align.crop(image, face, CropOptions(size_px=side_px, align="box", margin=0))
