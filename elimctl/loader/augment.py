"""Random crop and horizontal flip, done while a batch is copied.

Source: Kim & Song 2022, A.9 of docs/methods.md (resize 256, random 224 crop, flip with probability 0.5).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Crops:
    """Where each image of a batch is cropped, and whether it is flipped.

    Args:
        top: (B,) first row, px.
        left: (B,) first column, px.
        flip: (B,) bool, left and right exchanged.
    """

    top: np.ndarray
    left: np.ndarray
    flip: np.ndarray


def draw_crops(rng: np.random.Generator, count: int, *, slack_px: int, flip: float) -> Crops:
    """Draw the crops of a batch.

    Args:
        rng: source of randomness, the step's own.
        count: B, images in the batch.
        slack_px: side of the stored image less side of the crop, px, >= 0.
        flip: probability of a flip, in [0, 1].
    """
    corners = rng.integers(0, slack_px + 1, size=(2, count))
    return Crops(corners[0], corners[1], rng.random(count) < flip)


def cut(images: np.ndarray, crops: Crops, *, crop_px: int) -> np.ndarray:
    """Copy the crops of a batch into one new array.

    Args:
        images: (B, S, S, 3) uint8.
        crops: one crop per image.
        crop_px: side of the crops, px, <= S.

    Returns:
        (B, crop_px, crop_px, 3) uint8, contiguous.
    """
    out = np.empty((len(images), crop_px, crop_px, 3), np.uint8)
    for image, target, top, left, flip in zip(images, out, crops.top, crops.left, crops.flip, strict=True):
        window = image[top : top + crop_px, left : left + crop_px]
        target[...] = window[:, ::-1] if flip else window
    return out
