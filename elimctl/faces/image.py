"""Decode image files to RGB arrays."""

import io
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from elimctl.errors import ImageError

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
MAX_PIXELS = 100_000_000  # decoding takes up to 12 bytes of memory for each
MAX_SIDE_PX = 32_766  # OpenCV's warps address pixels with 16 bits
ORIENTATION = ExifTags.Base.Orientation
# The transpose that turns the displayed image back into the stored image, by EXIF orientation.
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

    An alpha channel is dropped. 16-bit samples keep their upper 8 bits. Of several frames the first counts.

    Args:
        content: a PNG, JPEG, BMP, TIFF or WebP file.
        where: path of the file, for messages.
        turn: apply the EXIF orientation. Datasets give landmarks and boxes in pixels of the stored image, so
            their images are not turned.

    Returns:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        ImageError: the content is empty, truncated, in another format, or too large; the size is read from
            the header before decoding.
    """
    if not content:
        raise ImageError(f"{where} is empty", hint="copy the file again from its source")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                _check_size(image, where=where)
                return _to_rgb(ImageOps.exif_transpose(image) if turn else _stored(image), where=where)
    except UnidentifiedImageError:
        raise ImageError(
            f"{where} is not a readable image; its first bytes are {content[:8]!r}, "
            f"wanted {', '.join(FORMATS)}",
            hint="copy the file again from its source, or convert it to PNG",
        ) from None
    except Image.DecompressionBombError as error:
        raise ImageError(f"{where} is too large: {error}", hint="scale the image down") from None
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # decoders raise many error classes for damaged files
        raise ImageError(
            f"{where} cannot be decoded: {error}", hint="copy the file again from its source"
        ) from None


def _check_size(image: Image.Image, *, where: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(
            f"{where} has {image.width} x {image.height} px, the limit is {MAX_PIXELS:,} pixels",
            hint="scale the image down",
        )
    if max(image.size) > MAX_SIDE_PX:
        raise ImageError(
            f"{where} has {image.width} x {image.height} px, the longest side allowed is {MAX_SIDE_PX}",
            hint="scale the image down",
        )


def _stored(image: Image.Image) -> Image.Image:
    """Return an opened image as stored; Pillow turns TIFF files itself."""
    if image.format != "TIFF":
        return image
    transpose = STORED.get(image.getexif().get(ORIENTATION, 1))
    return image if transpose is None else image.transpose(transpose)


def _to_rgb(image: Image.Image, *, where: str) -> np.ndarray:
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
