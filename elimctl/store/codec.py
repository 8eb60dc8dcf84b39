"""Encode an image as the bytes of a chunk, and decode it.

Every codec gives the same bytes for the same image, for any number of threads.
"""

import hashlib
import math
from typing import Any, Literal

import cv2
import numpy as np
from numcodecs import blosc

Codec = Literal["raw", "blosc", "jpeg"]

# Blosc: zstd without shuffling packs 256 px photographs to 0.40 of their size and unpacks one in 0.2 ms.
# Shuffling gives larger files; higher levels take much longer for little gain.
COMPRESSOR: Literal["zstd"] = "zstd"
LEVEL, SHUFFLE = 3, blosc.NOSHUFFLE
BLOSC_HEADER_BYTES = 16

JPEG: dict[str, Any] = {"quality": 95, "sampling": "4:4:4", "encoder": "opencv"}
JPEG_OPTIONS = (
    cv2.IMWRITE_JPEG_QUALITY,
    JPEG["quality"],
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)


def encode(image: np.ndarray, codec: Codec) -> bytes | memoryview:
    """Encode an image (S, S, 3) uint8 RGB as a chunk; `raw` returns a view of the image's memory."""
    if codec == "jpeg":
        _, content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), JPEG_OPTIONS)
        return content.tobytes()
    pixels = np.ascontiguousarray(image)
    if codec == "raw":
        return pixels.reshape(-1).data
    # One block for each image: with several blocks, threads of blosc write them in varying order.
    return blosc.compress(pixels.reshape(-1), COMPRESSOR.encode(), LEVEL, SHUFFLE, pixels.nbytes)


def decode(chunk: np.ndarray, shape: tuple[int, ...], codec: Codec) -> np.ndarray:
    """Decode a chunk of `encode`, (bytes,) uint8, to an image of a shape (S, S, 3).

    Returns:
        (S, S, 3) uint8; for `raw` a view of the chunk.

    Raises:
        ValueError: the chunk does not hold an image of that shape; the message says what it holds.
    """
    if codec == "raw":
        if chunk.nbytes != math.prod(shape):
            raise ValueError(f"{chunk.nbytes} bytes, wanted {math.prod(shape)}")
        return chunk.reshape(shape)
    if codec == "blosc":
        return _decompress(chunk, math.prod(shape)).reshape(shape)
    # OpenCV raises for an empty buffer
    image = cv2.imdecode(chunk, cv2.IMREAD_COLOR_RGB) if chunk.size else None
    if image is None or image.shape != shape:
        raise ValueError(f"{'no JPEG file' if image is None else image.shape}, wanted {shape}")
    return image


def digest(chunk: np.ndarray, image_bytes: int, codec: Codec) -> str:
    """Compute the SHA-256 of a chunk's pixels of `image_bytes`, or of the JPEG file.

    Raises:
        ValueError: the chunk cannot be decoded.
    """
    content = _decompress(chunk, image_bytes) if codec == "blosc" else chunk
    return hashlib.sha256(content.data).hexdigest()


def _decompress(chunk: np.ndarray, image_bytes: int) -> np.ndarray:
    """Decompress a blosc chunk after checking the sizes in its header, which blosc trusts."""
    header = chunk[:BLOSC_HEADER_BYTES].tobytes()
    unpacked, packed = int.from_bytes(header[4:8], "little"), int.from_bytes(header[12:16], "little")
    if (unpacked, packed) != (image_bytes, chunk.nbytes):
        raise ValueError(
            f"a blosc header of {packed} bytes that unpack to {unpacked}, "
            f"wanted {chunk.nbytes} that unpack to {image_bytes}"
        )
    pixels = np.empty(image_bytes, np.uint8)
    try:
        blosc.decompress(chunk, pixels)
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    return pixels
