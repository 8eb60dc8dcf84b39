"""The images of a prepared dataset, whichever store holds them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from elimctl.errors import StoreError
from elimctl.store import hdf5, zarr


@runtime_checkable
class Reader(Protocol):
    """What `open` of every store returns; image i belongs to row i of the manifest."""

    shape: tuple[int, int, int, int]  # (N, S, S, 3)
    attributes: dict[str, Any]  # what `prepare` noted: the format version and how the crops were made

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Gather images.

        Args:
            indices: (B,) numbers of images, in [0, N).

        Returns:
            (B, S, S, 3) uint8 RGB. An image that was dropped is zeros.

        Raises:
            StoreError: a file of the store is missing, truncated or damaged.
        """
        ...

    def check(self) -> None:
        """Check that every image is where the store says; no image is read.

        Raises:
            StoreError: a file of the store is missing, truncated or damaged.
        """
        ...


def open_images(folder: Path) -> Reader:
    """Open the images of a prepared dataset.

    Args:
        folder: the dataset's folder.

    Returns:
        A reader that threads may share and that can be sent to another process.

    Raises:
        StoreError: there are no images, or they are damaged or written by a newer elimctl.
    """
    if (folder / zarr.NAME).exists():
        return zarr.open(folder / zarr.NAME)
    if (folder / hdf5.NAME).exists():
        return hdf5.open(folder / hdf5.NAME)
    raise StoreError(f"no {zarr.NAME} or {hdf5.NAME} in {folder}", hint="run elimctl prepare")
