"""Crops of stored images."""

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
