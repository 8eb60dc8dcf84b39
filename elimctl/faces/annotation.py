"""No detector at all: the face is where the dataset says it is."""

import numpy as np

from elimctl.faces.face import Annotation, Face
from elimctl.faces.options import DetectorOptions

# The 68 landmarks of iBUG 300-W (Sagonas et al. 2013), counted from 0: eyes, nose tip, mouth corners.
N_LANDMARKS = 68
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)  # as seen in the image
NOSE, MOUTH = 30, [48, 54]


class Annotated:
    """The annotated face, if there is one."""

    digest = "annotation 2"  # counts up when the rule changes

    def detect(self, image: np.ndarray, annotation: Annotation | None = None) -> list[Face]:  # noqa: ARG002
        """The annotated face of one image.

        Args:
            image: not looked at.
            annotation: what the dataset says.

        Returns:
            One face with score 1: its box is the annotated one, else the smallest around the landmarks; its
            points are the annotated ones, else come from 68 landmarks if there are. No face where neither box
            nor landmarks are annotated.
        """
        if annotation is None or annotation.extent is None:
            return []
        points = annotation.points if annotation.points is not None else five_points(annotation.landmarks)
        return [Face(annotation.extent, 1.0, points)]


def build(options: DetectorOptions) -> Annotated:  # noqa: ARG001
    """The detector that looks at annotations only; it has no settings."""
    return Annotated()


def five_points(landmarks: np.ndarray | None) -> np.ndarray | None:
    """The five points of `Face` from 68 landmarks.

    Args:
        landmarks: (68, 2) px in the order of iBUG 300-W, or None.

    Returns:
        (5, 2) float32; None if there are not 68 landmarks or one that is needed is not finite.
    """
    if landmarks is None or len(landmarks) != N_LANDMARKS:
        return None
    eyes = [landmarks[LEFT_EYE].mean(axis=0), landmarks[RIGHT_EYE].mean(axis=0)]
    points = np.array([*eyes, landmarks[NOSE], *landmarks[MOUTH]], np.float32)
    return points if np.isfinite(points).all() else None
