"""How one image becomes the bytes of a chunk, and back.

Every codec gives the same bytes for the same image, on any number of threads.
"""

import hashlib
import math
from typing import Any, Literal

import cv2
import numpy as np
from numcodecs import blosc

Codec = Literal["raw", "blosc", "jpeg"]

# Blosc: zstd without shuffling packed 256 px photographs to 0.40 of their size and unpacked one in 0.2 ms;
# with bytes or bits shuffled they stayed larger, and higher levels gain little for much time.
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
    """The chunk of an image.

    Args:
        image: (S, S, 3) uint8 RGB.
        codec: how it is coded.

    Returns:
        The bytes; of `raw` a view of the image's own.
    """
    if codec == "jpeg":
        _, content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), JPEG_OPTIONS)
        return content.tobytes()
    pixels = np.ascontiguousarray(image)
    if codec == "raw":
        return pixels.reshape(-1).data
    # An image is one block: threads of blosc would write several in the order in which they finish.
    return blosc.compress(pixels.reshape(-1), COMPRESSOR.encode(), LEVEL, SHUFFLE, pixels.nbytes)


def decode(chunk: np.ndarray, image: np.ndarray, codec: Codec) -> None:
    """Decode a chunk.

    Args:
        chunk: (bytes,) uint8, what `encode` gave.
        image: contiguous (S, S, 3) uint8, becomes the image.
        codec: how it is coded.

    Raises:
        ValueError: the chunk is no image of that size; the message says what it is.
    """
    if codec == "blosc":
        _decompress(chunk, image.reshape(-1))
    else:
        image[...] = decoded(chunk, image.shape, codec)


def decoded(chunk: np.ndarray, shape: tuple[int, ...], codec: Codec) -> np.ndarray:
    """Decode a chunk to wherever that costs least.

    Args:
        chunk: (bytes,) uint8, what `encode` gave.
        shape: (S, S, 3).
        codec: how it is coded.

    Returns:
        (S, S, 3) uint8; of `raw` a view of the chunk.

    Raises:
        ValueError: the chunk is no image of that size; the message says what it is.
    """
    if codec == "raw":
        if chunk.nbytes != math.prod(shape):
            raise ValueError(f"{chunk.nbytes} bytes, wanted {math.prod(shape)}")
        return chunk.reshape(shape)
    if codec == "blosc":
        image = np.empty(shape, np.uint8)
        _decompress(chunk, image.reshape(-1))
        return image
    found = _decode_jpeg(chunk)
    if found is None or found.shape != shape:
        raise ValueError(f"{'no JPEG file' if found is None else found.shape}, wanted {shape}")
    return found


def digest(chunk: np.ndarray, image_bytes: int, codec: Codec) -> str:
    """SHA-256 of what a chunk keeps: the pixels, or the JPEG file as it is.

    Args:
        chunk: (bytes,) uint8, what `encode` gave.
        image_bytes: size of the decoded image.
        codec: how it is coded.

    Raises:
        ValueError: the chunk cannot be decoded.
    """
    if codec == "blosc":
        pixels = np.empty(image_bytes, np.uint8)
        _decompress(chunk, pixels)
        chunk = pixels
    return hashlib.sha256(chunk.data).hexdigest()


def _decompress(chunk: np.ndarray, out: np.ndarray) -> None:
    """Decompress a blosc chunk after checking the sizes in its header, which blosc itself trusts."""
    header = chunk[:BLOSC_HEADER_BYTES].tobytes()
    unpacked, packed = int.from_bytes(header[4:8], "little"), int.from_bytes(header[12:16], "little")
    if (unpacked, packed) != (out.nbytes, chunk.nbytes):
        raise ValueError(
            f"a blosc header of {packed} bytes that unpack to {unpacked}, "
            f"wanted {chunk.nbytes} that unpack to {out.nbytes}"
        )
    try:
        blosc.decompress(chunk, out)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _decode_jpeg(chunk: np.ndarray) -> np.ndarray | None:
    if not chunk.size:
        return None  # OpenCV raises for an empty buffer
    return cv2.imdecode(chunk, cv2.IMREAD_COLOR_RGB)
