"""Files of a store, open for reading by any thread, and the errors for damaged files."""

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
    """An open file; it closes when the last reference is gone.

    Raises:
        StoreError: the file is missing or cannot be opened.
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
        """Read `size` bytes from `offset` on, into `out` (size,) contiguous uint8 if given.

        Raises:
            StoreError: the file ends before the range does, or cannot be read.
        """
        content = np.empty(size, np.uint8) if out is None else out
        done = 0
        while done < size:  # a read may end early: at 2 GiB, or at a signal
            try:
                count = os.preadv(self._file, [content[done:].data], offset + done)
            except OSError as error:
                raise unreadable(self.path, error.errno, error.strerror or "it cannot be read") from None
            if not count:
                raise damaged(self.path, "it ends early")
            done += count
        return content

    def view(self, offset: int, size: int) -> np.ndarray:
        """Map `size` > 0 bytes from `offset` on into memory, without copying.

        An unreadable page ends the process, while `read` raises an error. Files of a store are replaced as a
        whole and never shortened while they are in use.

        Returns:
            (size,) uint8, read-only; it stays valid after this object is gone.

        Raises:
            StoreError: the file ends before the range does, or cannot be mapped.
        """
        mapped, content = self._mapped
        if offset + size > min(content.size, mapped.size()):
            raise damaged(self.path, "it ends early")
        return content[offset : offset + size]

    def announce(self, offset: int, size: int) -> None:
        """Ask the system to fetch a range of bytes from the disk for a later `view`."""
        mapped, _ = self._mapped
        start = offset - offset % mmap.PAGESIZE
        mapped.madvise(mmap.MADV_WILLNEED, start, offset + size - start)

    @cached_property
    def _mapped(self) -> tuple[mmap.mmap, np.ndarray]:
        try:
            mapped = mmap.mmap(self._file, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        except (OSError, ValueError) as error:  # ValueError: the file is empty
            reason = f"it cannot be mapped: {error}"
            raise unreadable(self.path, getattr(error, "errno", None), reason) from None
        return mapped, np.frombuffer(mapped, np.uint8)


class Span(NamedTuple):
    """The place of an image's bytes."""

    file: File
    offset: int
    size: int

    def read(self, out: np.ndarray | None = None) -> np.ndarray:
        """Read the bytes, see `File.read`."""
        return self.file.read(self.offset, self.size, out)


def damaged(path: Path, reason: str) -> StoreError:
    """Return the error for a damaged file of a store."""
    return StoreError(f"{path} is damaged: {reason}", hint="run elimctl prepare again")


def unreadable(path: Path, number: int | None, reason: str) -> StoreError:
    """Return the error for a file of a store that could not be read.

    The `errno` of the system decides whether the file is damaged or only not accessible.
    """
    if number in (None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO):
        return damaged(path, reason)
    return StoreError(
        f"{path} cannot be read: {os.strerror(number)}",
        hint="make the file readable, then run the command again",
    )
