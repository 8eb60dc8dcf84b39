"""Frames of films on DVD: stored narrower than they are shown, so their pixels are not square."""

import warnings
from pathlib import Path

from PIL import Image

STORED_PX = (720, 576)  # width and height of a PAL frame
SHOWN_WIDTH_PX = 960  # width of such a frame with square pixels; EMOCA (Danecek et al. 2022) does the same


def pixel_aspect(file: Path) -> float:
    """Width of a pixel over its height, told by the size in an image's header.

    Args:
        file: an image.

    Returns:
        4/3 for an image of 720 x 576 px, 1 for all others and for what cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # too large to be such a frame
            with Image.open(file) as image:
                return SHOWN_WIDTH_PX / STORED_PX[0] if image.size == STORED_PX else 1.0
    except (OSError, ValueError, Image.DecompressionBombWarning, Image.DecompressionBombError):
        return 1.0  # of what cannot be read prepare tells the reason, and drops it
