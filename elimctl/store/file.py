"""A file of a store, open for reading at any place by any thread."""

import os
import weakref
from pathlib import Path

import numpy as np

from elimctl.errors import StoreError


class File:
    """An open file; it closes when the last thread lets go of it.

    Args:
        path: the file.

    Raises:
        StoreError: it is missing or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise damaged(path, error.strerror or "it cannot be opened") from None
        weakref.finalize(self, os.close, self._file)
        self.size = os.fstat(self._file).st_size

    def read(self, offset: int, size: int, out: np.ndarray | None = None) -> np.ndarray:
        """Read a range of bytes.

        Args:
            offset: where it starts.
            size: its length.
            out: (size,) contiguous uint8 to read into; a new one is made where none is given.

        Raises:
            StoreError: the file ends before the range does, or cannot be read.
        """
        found = np.empty(size, np.uint8) if out is None else out
        done = 0
        while done < size:  # a read stops short at 2 GiB, and where a signal came in
            try:
                count = os.preadv(self._file, [found[done:].data], offset + done)
            except OSError as error:
                raise damaged(self.path, error.strerror or "it cannot be read") from None
            if not count:
                raise damaged(self.path, "it ends early")
            done += count
        return found


def damaged(path: Path, what: str) -> StoreError:
    """The error for a file of a store that is not as it was written."""
    return StoreError(f"{path} is damaged: {what}", hint="run elimctl prepare again")
