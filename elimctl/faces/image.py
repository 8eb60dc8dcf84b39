"""Encoded images to RGB arrays."""

import io
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from elimctl.errors import ImageError

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
MAX_PIXELS = 100_000_000  # decoding takes up to 12 bytes of memory for each
MAX_SIDE_PX = 32_766  # OpenCV's warps address pixels with 16 bits
ORIENTATION = ExifTags.Base.Orientation
# What gives the stored image from the one that is shown, by EXIF orientation.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def decode(content: bytes, *, where: str, turn: bool = False) -> np.ndarray:
    """Decode an image to 8-bit RGB.

    Of an alpha channel the colours are kept as stored; of 16-bit samples, the upper 8 bits; of several
    frames, the first.

    Args:
        content: a PNG, JPEG, BMP, TIFF or WebP file.
        where: what the content is, for messages (its path).
        turn: whether to turn the image as its EXIF orientation says. Datasets give landmarks and boxes in
            pixels of the stored image; people see their own photographs turned.

    Returns:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        ImageError: the content is empty, truncated, no image of these formats, or has more pixels than
            `MAX_PIXELS`; the size is read from the header, before anything is decoded.
    """
    if not content:
        raise ImageError(f"{where} is empty", hint="copy the file again from its source")
    try:
        with warnings.catch_warnings():
            # Pillow warns from half the size it refuses; here an image is either decoded or refused.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                _check_size(image, where=where)
                return _to_rgb(ImageOps.exif_transpose(image) if turn else _stored(image), where=where)
    except UnidentifiedImageError:
        raise ImageError(
            f"{where} is no readable {', '.join(FORMATS)} image, it starts with {content[:8]!r}",
            hint="copy the file again from its source, or convert it to PNG",
        ) from None
    except Image.DecompressionBombError as error:
        raise ImageError(f"{where} is too large: {error}", hint="scale the image down") from None
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # decoders raise whatever a damaged byte leads them to
        raise ImageError(
            f"{where} cannot be decoded: {error}", hint="copy the file again from its source"
        ) from None


def _check_size(image: Image.Image, *, where: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(
            f"{where} is {image.width} x {image.height} px, the most are {MAX_PIXELS:,} pixels",
            hint="scale the image down",
        )
    if max(image.size) > MAX_SIDE_PX:
        raise ImageError(
            f"{where} is {image.width} x {image.height} px, the longest side allowed is {MAX_SIDE_PX}",
            hint="scale the image down",
        )


def _stored(image: Image.Image) -> Image.Image:
    """An opened image as it is stored; of TIFF files Pillow gives the one that is shown."""
    if image.format != "TIFF":
        return image
    way = STORED.get(image.getexif().get(ORIENTATION, 1))
    return image if way is None else image.transpose(way)


def _to_rgb(image: Image.Image, *, where: str) -> np.ndarray:
    """Pixels of an opened image as 8-bit RGB."""
    if image.mode.startswith("I;16"):  # Pillow's own conversion clips 16-bit gray at 255
        gray = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise ImageError(
            f"{where} has 32-bit samples, wanted 8 or 16 bits", hint="convert the image to 8 bits"
        )
    if "transparency" in image.info:  # palette entries and gray levels marked as transparent
        image = image.convert("RGBA")
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))
