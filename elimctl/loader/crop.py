"""Crops of stored images."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

from elimctl.errors import ConfigError


def centre(images: UInt8[np.ndarray, "B H W 3"], crop_px: int) -> UInt8[np.ndarray, "B S S 3"]:
    """The central square of each image.

    Args:
        images: images of one size.
        crop_px: side of the square, px, > 0.

    Returns:
        A view; where the border is odd, its smaller half is above and to the left.

    Raises:
        ConfigError: the images are smaller than the crop.
    """
    height_px, width_px = images.shape[1:3]
    if not 0 < crop_px <= min(height_px, width_px):
        raise ConfigError(
            f"a crop of {crop_px} px does not fit stored images of {width_px}x{height_px} px",
            hint="choose a smaller crop, or prepare the dataset with larger images",
        )
    top, left = (height_px - crop_px) // 2, (width_px - crop_px) // 2
    return images[:, top : top + crop_px, left : left + crop_px]


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

    def __getitem__(self, part: slice) -> "Crops":
        """The crops of a part of the batch."""
        return Crops(self.top[part], self.left[part], self.flip[part])


def draw_crops(rng: np.random.Generator, count: int, *, slack_px: int, hflip: float) -> Crops:
    """Draw the crops of a batch.

    Args:
        rng: source of randomness, the step's own.
        count: B, images in the batch.
        slack_px: side of the stored image less side of the crop, px, >= 0.
        hflip: probability of a horizontal flip, in [0, 1].
    """
    corners = rng.integers(0, slack_px + 1, size=(2, count))
    return Crops(corners[0], corners[1], rng.random(count) < hflip)


def cut(images: Iterable[np.ndarray], crops: Crops, *, out: np.ndarray) -> None:
    """Copy the crops of a batch, each once.

    Args:
        images: B images (S, S, 3) uint8.
        crops: one crop per image.
        out: (B, crop, crop, 3) contiguous uint8, becomes the crops; crop <= S.
    """
    crop_px = out.shape[1]
    corners = zip(crops.top.tolist(), crops.left.tolist(), crops.flip.tolist(), strict=True)
    for image, target, (top, left, flip) in zip(images, out, corners, strict=True):
        window = image[top : top + crop_px, left : left + crop_px]
        if flip:
            cv2.flip(window, 1, dst=target)  # 40 times as fast as copying pixel by pixel from right to left
        else:
            target[...] = window
