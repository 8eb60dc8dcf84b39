"""Reading many images, one by one: what the readers of all stores share."""

from collections.abc import Callable, Sequence

import numpy as np


def gather(
    indices: Sequence[int] | np.ndarray,
    shape: tuple[int, int, int, int],
    read: Callable[[int, np.ndarray], None],
) -> np.ndarray:
    """Gather images of a store.

    Args:
        indices: (B,) numbers of images.
        shape: (N, S, S, 3) of the store.
        read: reads the image of a number into a contiguous (S, S, 3) uint8 array.

    Returns:
        (B, S, S, 3) uint8, the images in the order of the indices.

    Raises:
        IndexError: an index is not in [0, N).
    """
    numbers = np.asarray(indices, dtype=np.int64)
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < shape[0]:
        raise IndexError(f"images {numbers.min()} to {numbers.max()} asked of a store of {shape[0]}")
    images = np.empty((len(numbers), *shape[1:]), dtype=np.uint8)
    for number, image in zip(numbers.tolist(), images, strict=True):
        read(number, image)
    return images
