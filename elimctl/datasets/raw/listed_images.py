"""Find the images that a list names by path."""

import os
import posixpath
from collections.abc import Sequence
from pathlib import Path

from elimctl.datasets.raw.lookup import Lookup
from elimctl.errors import LayoutError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")  # the first that exists is used
PROBES = 100  # number of images to look for in every place


class ListedImages:
    """Finds images by the paths of a list, below any of several folders.

    An image may also exist in another spelling, or converted with another suffix; see `lookup`.

    Args:
        root: the raw root.
        places: folders that the list's paths may start from, below the root.
    """

    def __init__(self, root: Path, places: Sequence[Path]) -> None:
        self._root = os.fspath(root)
        self._places = [posixpath.join(place.relative_to(root).as_posix(), "") for place in places]
        self._places = ["" if place == "./" else place for place in self._places]
        self._probes = 0
        self._lookup = Lookup(self._root, [SUFFIXES])

    def find(self, path: str) -> str | None:
        """Path of an image below the root, None if not found.

        Args:
            path: as the list has it, `/` separated, without `..`.

        Raises:
            LayoutError: one of the first images is in two places.
            AmbiguousNameError: several spellings match equally well.
        """
        if self._probes < PROBES:
            self._probe(path)
        for number, place in enumerate(self._places):
            if os.path.isfile(f"{self._root}/{place}{path}"):  # noqa: PTH113  a path object takes longer
                if number:  # the next image is probably there as well
                    self._places.insert(0, self._places.pop(number))
                return place + path
        return next(filter(None, (self._lookup.find(place + path) for place in self._places)), None)

    def missing(self, path: str) -> str:
        """Expected path of a missing image."""
        return self._places[0] + path

    def _probe(self, path: str) -> None:
        """Refuse an image that is in two places."""
        copies = [f"{self._root}/{place}{path}" for place in self._places]
        copies = [copy for copy in copies if os.path.isfile(copy)]  # noqa: PTH113
        self._probes += bool(copies)
        if len(copies) > 1:
            raise LayoutError(
                f"found the same image {len(copies)} times: {', '.join(copies)}",
                hint="keep one copy of the images and move the others out of the folder",
            )
