"""Geometry of boxes."""

import numpy as np


def iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Compute the intersection over union (n,) of one box (4,) x0, y0, x1, y1 with others (n, 4).

    It is in [0, 1], and 0 if both boxes are empty.
    """
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    union = area(box[None]) + area(boxes) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def area(boxes: np.ndarray) -> np.ndarray:
    """Compute the areas (n,) of boxes (n, 4); 0 for a box with swapped sides."""
    return np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)


def suppress(boxes: np.ndarray, *, max_overlap: float) -> list[int]:
    """Remove overlapping boxes (n, 4), best first: greedy non-maximum suppression.

    The later of two boxes is dropped if their IoU is above `max_overlap`, in [0, 1]. Returns the row numbers
    of the kept boxes, ascending.
    """
    kept: list[int] = []
    left = np.arange(len(boxes))
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[iou(boxes[best], boxes[left]) <= max_overlap]
    return kept
