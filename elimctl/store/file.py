"""A file of a store, open for reading at any place by any thread."""

import errno
import mmap
import os
import weakref
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

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
            raise unreadable(path, error.errno, error.strerror or "it cannot be opened") from None
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
                raise unreadable(self.path, error.errno, error.strerror or "it cannot be read") from None
            if not count:
                raise damaged(self.path, "it ends early")
            done += count
        return found

    def view(self, offset: int, size: int) -> np.ndarray:
        """Look at a range of bytes where the system keeps them, without copying.

        A page that cannot be read any more ends the process, where `read` would raise: files of a store are
        replaced whole, and never shortened while they are in use.

        Args:
            offset: where it starts.
            size: its length, > 0.

        Returns:
            (size,) uint8, read-only; it outlives this object.

        Raises:
            StoreError: the file ends before the range does, or cannot be mapped.
        """
        mapped, content = self._mapped
        if offset + size > min(content.size, mapped.size()):
            raise damaged(self.path, "it ends early")
        return content[offset : offset + size]

    def announce(self, offset: int, size: int) -> None:
        """Let the system fetch a range of bytes for `view` from the disk while other things are done."""
        mapped, _ = self._mapped
        start = offset - offset % mmap.PAGESIZE
        mapped.madvise(mmap.MADV_WILLNEED, start, offset + size - start)

    @cached_property
    def _mapped(self) -> tuple[mmap.mmap, np.ndarray]:
        try:
            mapped = mmap.mmap(self._file, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        except (OSError, ValueError) as error:  # an empty file is a ValueError
            what = f"it cannot be mapped: {error}"
            raise unreadable(self.path, getattr(error, "errno", None), what) from None
        return mapped, np.frombuffer(mapped, np.uint8)


class Span(NamedTuple):
    """Where an image's bytes lie."""

    file: File
    offset: int
    size: int


def damaged(path: Path, what: str) -> StoreError:
    """The error for a file of a store that is not as it was written."""
    return StoreError(f"{path} is damaged: {what}", hint="run elimctl prepare again")


def unreadable(path: Path, number: int | None, what: str) -> StoreError:
    """The error for a file of a store that could not be read.

    Args:
        path: the file.
        number: the system's `errno`; one that says nothing of the content does not make the file damaged.
        what: why, as the system tells.
    """
    if number in (None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO):
        return damaged(path, what)
    return StoreError(
        f"{path} cannot be read: {os.strerror(number)}", hint="make the file readable, then run it again"
    )
