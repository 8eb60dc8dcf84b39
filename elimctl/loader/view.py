"""What a network sees of a stored crop: the same part of the face, whatever size the crops are stored in."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from elimctl.loader.crop import centre


@dataclass(frozen=True, slots=True)
class View:
    """The centre of the stored crops that a network was trained on.

    Args:
        image_px: side of the images that the network takes, px.
        stored_px: side of the crops that it was trained on, px, at least `image_px`; None where nobody knows.
    """

    image_px: int
    stored_px: int | None

    @property
    def name(self) -> str:
        """What tells views apart, for the keys of what is made through them."""
        return f"centre-{self.image_px}-of-{self.stored_px or 'unknown'}-1"

    @property
    def share(self) -> float | None:
        """Side of what the network sees over the side of the crop, in (0, 1]; None where nobody knows."""
        return None if self.stored_px is None else self.image_px / self.stored_px

    def apply(self, images: UInt8[np.ndarray, "B H W 3"]) -> UInt8[np.ndarray, "B S S 3"]:
        """What the network sees of each image.

        Images of the size of training are cut and not resampled. Others are brought to that size first. Where
        the size of training is unknown, so is the share of a crop to show: `image_px` are cut then.

        Args:
            images: square images of one size.

        Returns:
            Images of `image_px`, maybe a view of `images`.

        Raises:
            ConfigError: the images that the network was trained on are smaller than those it takes.
        """
        side_px = self.stored_px or max(images.shape[1], self.image_px)
        return centre(_resized(images, side_px), self.image_px)


def _resized(images: UInt8[np.ndarray, "B H W 3"], side_px: int) -> UInt8[np.ndarray, "B S S 3"]:
    """Images of a side, averaging areas where they shrink: so were the stored crops made."""
    if side_px == images.shape[1]:
        return images
    import cv2

    how = cv2.INTER_AREA if side_px < images.shape[1] else cv2.INTER_LINEAR
    out = np.empty((len(images), side_px, side_px, 3), np.uint8)
    for image, place in zip(images, out, strict=True):
        cv2.resize(image, (side_px, side_px), dst=place, interpolation=how)
    return out
