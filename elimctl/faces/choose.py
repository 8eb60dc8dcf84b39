"""Which of several faces is the sample's."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from elimctl.faces.boxes import area, iou
from elimctl.faces.face import Annotation, Box, Face

# A detector's box reaches from forehead to chin, that around 68 landmarks from brows to chin: for one face
# they share more than half. Below this, the two mean different faces.
MIN_OVERLAP = 0.2
# From one frame to the next a face moves by less than half its size, unless the scene changes.
MIN_FOLLOWED = 0.3
# Of two people who are filmed together the smaller face has at least this part of the larger one's area;
# what is smaller yet is in the background.
MIN_PEER_AREA = 0.2


def choose(
    faces: Sequence[Face],
    annotation: Annotation | None = None,
    *,
    side: Literal["left", "right"] | None = None,
    width_px: int = 0,
    followed: Box | None = None,
) -> Face | str:
    """Choose the face that a sample is about.

    The first of these that the sample has decides: an annotated place, by the largest IoU with it; a side,
    by the outermost face on it; a face that is followed, by the largest IoU with where it was; else the size.

    Args:
        faces: what a detector found, best score first.
        annotation: what the dataset says about where the face is.
        side: on which side of the image the sample's face is, of two.
        width_px: width of the image, for `side`.
        followed: where the sample's face was in the frame before.

    Returns:
        The face, or the reason why none of them is the sample's.
    """
    if not faces:
        return "no face found"
    boxes = np.array([face.box for face in faces], np.float64)
    place = annotation.extent if annotation is not None else None
    if place is not None:
        return _nearest(faces, boxes, place, MIN_OVERLAP) or "no face at the annotated place"
    if side is not None:
        return _on_side(faces, boxes, side, width_px) or f"no face on the {side}"
    near = None if followed is None else _nearest(faces, boxes, followed, MIN_FOLLOWED)
    return near or faces[int(np.argmax(area(boxes)))]  # of equals, the better score


def _nearest(faces: Sequence[Face], boxes: np.ndarray, place: Box, least: float) -> Face | None:
    """The face with the largest IoU with a place, None if that is below `least`."""
    overlaps = iou(np.asarray(place, np.float64), boxes)
    best = int(np.argmax(overlaps))
    return faces[best] if overlaps[best] >= least else None


def _on_side(faces: Sequence[Face], boxes: np.ndarray, side: str, width_px: int) -> Face | None:
    """The outermost face on a side; a face that is alone must be in that half of the image."""
    areas = area(boxes)
    peers = np.flatnonzero(areas >= MIN_PEER_AREA * areas.max())
    centres = boxes[peers, 0] + boxes[peers, 2] - width_px  # twice the distance from the middle
    outermost = int(np.argmin(centres) if side == "left" else np.argmax(centres))
    beyond = centres[outermost] > 0 if side == "left" else centres[outermost] < 0
    return None if len(peers) == 1 and beyond else faces[int(peers[outermost])]
