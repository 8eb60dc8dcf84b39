"""What every reader of images does before it reads."""

from collections.abc import Sequence

import numpy as np


def prepare(
    indices: Sequence[int] | np.ndarray, shape: tuple[int, int, int, int], out: np.ndarray | None
) -> tuple[list[int], np.ndarray]:
    """Check the indices of a read and the array to read into.

    Args:
        indices: (B,) numbers of images.
        shape: (N, S, S, 3) of the store.
        out: array to read into; None makes one.

    Returns:
        The indices as integers, and a contiguous (B, S, S, 3) uint8 array.

    Raises:
        IndexError: an index is not in [0, N).
        ValueError: `out` has another shape or type, or is not contiguous.
    """
    numbers = np.asarray(indices, dtype=np.int64)
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < shape[0]:
        raise IndexError(f"images {numbers.min()} to {numbers.max()} asked of a store of {shape[0]}")
    wanted = (len(numbers), *shape[1:])
    if out is None:
        out = np.empty(wanted, dtype=np.uint8)
    elif out.shape != wanted or out.dtype != np.uint8 or not out.flags.c_contiguous:
        raise ValueError(f"out is {out.dtype} {out.shape}; wanted contiguous uint8 {wanted}")
    return numbers.tolist(), out
