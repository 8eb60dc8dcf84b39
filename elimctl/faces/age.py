"""The age model of insightface's packs: an apparent age for each face."""

import numpy as np

from elimctl.faces import align
from elimctl.faces.align import CropOptions
from elimctl.faces.embed import FaceModel
from elimctl.faces.face import Face
from elimctl.faces.stored import face_box

MARGIN = 0.25  # insightface shows the model a square of 1.5 times the box's longer side
YEARS = 100  # the model's unit of age
OLDEST = 150.0  # upper end of the manifest's range, years


def surroundings(
    image: np.ndarray,
    points: np.ndarray | None,  # noqa: ARG001 - the model was trained on boxes
    crop: CropOptions,
    side_px: int,
) -> np.ndarray:
    """Cut the model's input (side_px, side_px, 3) uint8 RGB out of a crop of the store.

    It shows the face and a quarter of its side more on each side, as in training. A narrower crop is extended
    by repeating its border.
    """
    face = Face(box=face_box(crop), score=1.0, points=None)
    return align.crop(image, face, CropOptions(size_px=side_px, align="box", margin=MARGIN))


def _years(outputs: np.ndarray) -> np.ndarray:
    # two scores for the gender come first
    return np.clip(outputs[:, 2:3] * YEARS, 0, np.float32(OLDEST))


AGE = FaceModel(
    name="age",
    title="age model",
    task="genderage",
    patterns=("genderage*.onnx",),
    version="genderage-1",
    preprocess=surroundings,
    postprocess=_years,
)
