"""Choose the face of a sample among several detected faces."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from elimctl.faces.boxes import area, iou
from elimctl.faces.face import Annotation, Box, Face

# A detector's box reaches from forehead to chin, the box around 68 landmarks from brows to chin. Boxes of the
# same face have an IoU above 0.5; below this limit they are different faces.
MIN_OVERLAP = 0.2
# From one frame to the next a face moves by less than half its size, unless the scene changes.
MIN_FOLLOWED = 0.3
# If two people are filmed together, the smaller face has at least this fraction of the larger face's area.
# Smaller faces are in the background.
MIN_PEER_AREA = 0.2


def choose(
    faces: Sequence[Face],
    annotation: Annotation | None = None,
    *,
    side: Literal["left", "right"] | None = None,
    width_px: int = 0,
    followed: Box | None = None,
) -> Face | str:
    """Choose the face of a sample among detected faces, best score first.

    The first criterion that applies decides:

    1. an annotated place: the face with the largest IoU;
    2. a side of the image, if two people are in it: the outermost face on that side;
    3. the box of the face in the previous frame: the face with the largest IoU;
    4. the largest face.

    Returns:
        The face, or the reason why no face fits.
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
    return near or faces[int(np.argmax(area(boxes)))]  # of equal areas, the better score


def _nearest(faces: Sequence[Face], boxes: np.ndarray, place: Box, least: float) -> Face | None:
    """Return the face with the largest IoU with a place; None if that IoU is below `least`."""
    overlaps = iou(np.asarray(place, np.float64), boxes)
    best = int(np.argmax(overlaps))
    return faces[best] if overlaps[best] >= least else None


def _on_side(faces: Sequence[Face], boxes: np.ndarray, side: str, width_px: int) -> Face | None:
    """Return the outermost face on a side; a single face must be in that half of the image."""
    areas = area(boxes)
    peers = np.flatnonzero(areas >= MIN_PEER_AREA * areas.max())
    centres = boxes[peers, 0] + boxes[peers, 2] - width_px  # twice the distance from the middle
    outermost = int(np.argmin(centres) if side == "left" else np.argmax(centres))
    beyond = centres[outermost] > 0 if side == "left" else centres[outermost] < 0
    return None if len(peers) == 1 and beyond else faces[int(peers[outermost])]
