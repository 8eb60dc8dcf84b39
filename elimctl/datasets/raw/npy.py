"""Read small arrays from .npy files without unpickling."""

import io
import math
from functools import lru_cache

import numpy as np

MAX_BYTES = 1 << 20  # maximum size of a file that is read


def read_npy(file: str, *, size: int) -> np.ndarray:
    """Read an array with a given number of values.

    Args:
        file: the .npy file.
        size: number of values.

    Returns:
        (size,) values of whatever type the file has, in C order.

    Raises:
        OSError: the file cannot be read; FileNotFoundError if there is none.
        ValueError: it is not a .npy file, holds Python objects or another number of values, or ends early.
    """
    with open(file, "rb") as stream:  # noqa: PTH123  called a million times; a path object takes longer
        content = stream.read(MAX_BYTES)
    if content[:6] != np.lib.format.MAGIC_PREFIX:
        raise ValueError(
            f"not a .npy file: it starts with {content[:6]!r}" if content else "the file is empty"
        )
    start = 10 + int.from_bytes(content[8:10], "little")  # offset of the values in format version 1.0
    shape, by_columns, dtype = _header(content[:start])
    if dtype.hasobject:
        raise ValueError("it holds Python objects; expected numbers or text")
    if math.prod(shape) != size:
        raise ValueError(f"it has the shape {shape}, expected {size} value{'s' * (size > 1)}")
    if len(content) < start + dtype.itemsize * size:
        raise ValueError("the file ends early")
    values = np.frombuffer(content, dtype, count=size, offset=start)
    return values.reshape(shape, order="F" if by_columns else "C").ravel()


@lru_cache(256)  # equal headers are common, and parsing one takes longer than reading the file
def _header(content: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type that a file's first bytes tell."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"it has version {version} of the format, expected (1, 0)")
    try:
        return np.lib.format.read_array_header_1_0(stream)
    except Exception as error:  # parsing an arbitrary header may raise any exception
        raise ValueError(f"its header cannot be read: {error}") from None
