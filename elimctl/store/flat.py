"""Images of varying size as flat bytes and N + 1 offsets.

Image i lies between offsets i and i + 1; an image without bytes is not kept.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elimctl.store.file import File, Span, damaged
from elimctl.store.layout import Layout

OFFSET_BYTES = 8  # little-endian int64
CHECK_BATCH = 65_536  # offsets that `check` reads at a time


class Place(NamedTuple):
    """The place of contiguous raw values in a file."""

    path: Path
    start: int  # first byte
    size: int  # bytes


class Flat:
    """Reader of flat bytes; threads may share it.

    Raises:
        StoreError: a file is missing or too short.
    """

    def __init__(self, data: Place, offsets: Place, layout: Layout, attributes: dict[str, Any]) -> None:
        self.layout, self.attributes = layout, attributes
        self._data, self._offsets = data, offsets
        self._data_file, self._offset_file = File(data.path), File(offsets.path)
        wanted = OFFSET_BYTES * (layout.shape[0] + 1)
        if offsets.size != wanted:
            raise damaged(offsets.path, f"{offsets.size} bytes of offsets, wanted {wanted}")
        for file, place in ((self._data_file, data), (self._offset_file, offsets)):
            if file.size < place.start + place.size:
                raise damaged(place.path, f"{file.size} bytes, wanted {place.start + place.size}")

    def fetch(self, number: int, out: np.ndarray | None = None) -> np.ndarray | None:
        """Read the stored bytes of an image, see `Source`."""
        place = self.place(number)
        return None if place is None else place.file.read(place.offset, place.size, out)

    def place(self, number: int) -> Span | None:
        """Return the place of an image's bytes, see `Source`."""
        start, end = self._read_offsets(number, 2).tolist()
        if not 0 <= start <= end <= self._data.size:
            raise damaged(
                self._offsets.path, f"image {number} from byte {start} to {end} of {self._data.size}"
            )
        return None if start == end else Span(self._data_file, self._data.start + start, end - start)

    def check(self) -> None:
        """Check that the offsets ascend from the first byte to the last."""
        last, count = 0, self.layout.shape[0] + 1
        for first in range(0, count, CHECK_BATCH):
            offsets = self._read_offsets(first, min(CHECK_BATCH, count - first))
            if np.any(np.diff(offsets, prepend=last) < 0) or (first == 0 and offsets[0] != 0):
                raise damaged(self._offsets.path, "its offsets do not ascend from 0")
            last = int(offsets[-1])
        if last != self._data.size:
            raise damaged(self._offsets.path, f"its offsets end at {last}, the bytes at {self._data.size}")

    def _read_offsets(self, first: int, count: int) -> np.ndarray:
        content = self._offset_file.read(self._offsets.start + OFFSET_BYTES * first, OFFSET_BYTES * count)
        return content.view("<i8")
