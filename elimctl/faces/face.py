"""A detected face, and the dataset's annotation of a face."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

Box = tuple[float, float, float, float]  # (x0, y0, x1, y1), px, x1 and y1 exclusive


@dataclass(frozen=True, slots=True)
class Face:
    """One face in an image."""

    box: Box  # (x0, y0, x1, y1), px of the image; may reach beyond the image
    score: float  # the detector's confidence in [0, 1]; 1 for an annotated face
    # (5, 2) float32, px: the eye on the image's left, the one on its right, nose tip, mouth corner on the
    # image's left, on its right; None if unknown
    points: np.ndarray | None


@dataclass(frozen=True, slots=True)
class Annotation:
    """The dataset's annotation of the face of a sample."""

    landmarks: np.ndarray | None = None  # (68, 2) px, or None
    points: np.ndarray | None = None  # (5, 2) px in the order of `Face`, or None
    box: Box | None = None  # face box, px, or None

    @property
    def extent(self) -> Box | None:
        """The annotated box, or else the smallest box around the landmarks.

        Values that are not finite and boxes without area count as not annotated: datasets mark faces that
        could not be measured in this way.
        """
        return _usable(self.box) or _usable(_around(self.landmarks))


def _around(landmarks: np.ndarray | None) -> Box | None:
    """Return the smallest box around the finite landmarks of (n, 2)."""
    if landmarks is None:
        return None
    finite = np.asarray(landmarks, np.float64)[np.isfinite(landmarks).all(axis=1)]
    if not len(finite):
        return None
    (x0, y0), (x1, y1) = finite.min(axis=0), finite.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _usable(box: Box | None) -> Box | None:
    if box is None or not np.isfinite(box).all() or box[2] <= box[0] or box[3] <= box[1]:
        return None
    return box


@runtime_checkable
class Detector(Protocol):
    """Interface of a detector, returned by its `build`."""

    digest: str  # sha256 of the model file or name of the rule; part of every cache key

    def detect(self, image: np.ndarray, annotation: Annotation | None = None) -> list[Face]:
        """Find the faces of an image (H, W, 3) uint8 RGB, best score first.

        Only the detector `annotation` uses the dataset's annotation.
        """
        ...
