"""Images of varying size as flat bytes and N + 1 offsets.

Image i lies between offsets i and i + 1; an image without bytes is not kept.
"""

from typing import Any

import numpy as np

from elimctl.store.file import Span, damaged
from elimctl.store.layout import Layout, Source

OFFSET_BYTES = 8  # little-endian int64
CHECK_BATCH = 65_536  # offsets that `check` reads at a time


class Flat(Source):
    """Reader of flat bytes; threads may share it.

    Raises:
        StoreError: a file is too short.
    """

    def __init__(self, data: Span, offsets: Span, layout: Layout, attributes: dict[str, Any]) -> None:
        self.layout, self.attributes = layout, attributes
        self._data, self._offsets = data, offsets
        wanted = OFFSET_BYTES * (layout.shape[0] + 1)
        if offsets.size != wanted:
            raise damaged(offsets.file.path, f"{offsets.size} bytes of offsets, wanted {wanted}")
        for file, offset, size in (data, offsets):
            if file.size < offset + size:
                raise damaged(file.path, f"{file.size} bytes, wanted {offset + size}")

    def place(self, number: int) -> Span | None:
        """Return the place of an image's bytes, see `Source`."""
        start, end = self._read_offsets(number, 2).tolist()
        if not 0 <= start <= end <= self._data.size:
            where = f"image {number} from byte {start} to {end} of {self._data.size}"
            raise damaged(self._offsets.file.path, where)
        return None if start == end else Span(self._data.file, self._data.offset + start, end - start)

    def check(self) -> None:
        """Check that the offsets ascend from the first byte to the last."""
        last, count = 0, self.layout.shape[0] + 1
        for first in range(0, count, CHECK_BATCH):
            offsets = self._read_offsets(first, min(CHECK_BATCH, count - first))
            if np.any(np.diff(offsets, prepend=last) < 0) or (first == 0 and offsets[0] != 0):
                raise damaged(self._offsets.file.path, "its offsets do not ascend from 0")
            last = int(offsets[-1])
        if last != self._data.size:
            raise damaged(
                self._offsets.file.path, f"its offsets end at {last}, the bytes at {self._data.size}"
            )

    def _read_offsets(self, first: int, count: int) -> np.ndarray:
        offset = self._offsets.offset + OFFSET_BYTES * first
        return self._offsets.file.read(offset, OFFSET_BYTES * count).view("<i8")
