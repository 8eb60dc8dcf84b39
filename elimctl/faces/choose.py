"""Which of several faces is the sample's."""

from collections.abc import Sequence

import numpy as np

from elimctl.faces.boxes import area, iou
from elimctl.faces.face import Annotation, Face

# A detector's box reaches from forehead to chin, that around 68 landmarks from brows to chin: for one face
# they share more than half. Below this, the two mean different faces.
MIN_OVERLAP = 0.2


def choose(faces: Sequence[Face], annotation: Annotation | None = None) -> Face | None:
    """Choose the face that a sample is about.

    Args:
        faces: what a detector found, best score first.
        annotation: what the dataset says about where the face is.

    Returns:
        With an annotated place, the face with the largest IoU with it, None if that is below `MIN_OVERLAP`;
        else the largest face, the better score deciding between equals; None if there are no faces.
    """
    if not faces:
        return None
    boxes = np.array([face.box for face in faces], np.float64)
    place = annotation.extent if annotation is not None else None
    if place is None:
        return faces[int(np.argmax(area(boxes)))]
    overlaps = iou(np.asarray(place, np.float64), boxes)
    best = int(np.argmax(overlaps))
    return faces[best] if overlaps[best] >= MIN_OVERLAP else None
