"""The detector `annotation`: it returns the face that the dataset annotates."""

import numpy as np

from elimctl.faces.face import Annotation, Face
from elimctl.faces.options import DetectorOptions

# The 68 landmarks of iBUG 300-W (Sagonas et al. 2013), counted from 0: eyes, nose tip, mouth corners.
N_LANDMARKS = 68
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)  # as seen in the image
NOSE, MOUTH = 30, [48, 54]


class Annotated:
    """Returns the annotated face, if there is one."""

    digest = "annotation 2"  # a changed rule needs a new number

    def detect(self, image: np.ndarray, annotation: Annotation | None = None) -> list[Face]:  # noqa: ARG002
        """Return the annotated face of an image; the image is not used.

        Returns:
            One face with score 1, or none if neither box nor landmarks are annotated. Its box is the
            annotated box, or else the smallest box around the landmarks. Its points are the annotated points,
            or else computed from 68 landmarks.
        """
        if annotation is None or annotation.extent is None:
            return []
        points = annotation.points if annotation.points is not None else five_points(annotation.landmarks)
        return [Face(annotation.extent, 1.0, points)]


def build(options: DetectorOptions) -> Annotated:  # noqa: ARG001
    """Return the detector; it has no settings."""
    return Annotated()


def five_points(landmarks: np.ndarray | None) -> np.ndarray | None:
    """Compute the five points of `Face` from landmarks (68, 2), px, in the order of iBUG 300-W.

    Returns:
        (5, 2) float32; None without 68 landmarks, or if a required landmark is not finite.
    """
    if landmarks is None or len(landmarks) != N_LANDMARKS:
        return None
    eyes = [landmarks[LEFT_EYE].mean(axis=0), landmarks[RIGHT_EYE].mean(axis=0)]
    points = np.array([*eyes, landmarks[NOSE], *landmarks[MOUTH]], np.float32)
    return points if np.isfinite(points).all() else None
