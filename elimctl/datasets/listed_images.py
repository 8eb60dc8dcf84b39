"""Images that a list names by path, found where a copy of the dataset has them."""

import os
import posixpath
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from elimctl.datasets.files import is_junk
from elimctl.errors import LayoutError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")  # of several, the first counts
LISTINGS = 64  # folders whose names are remembered
PROBES = 100  # images that are looked for in every place


class ListedImages:
    """Finds images by the paths of a list, below any of some folders.

    An image that is not there under its own name may be there in another case, or converted: under the
    same stem with another suffix.

    Args:
        root: the raw root.
        places: folders that the list's paths may start from, below the root.
    """

    def __init__(self, root: Path, places: Sequence[Path]) -> None:
        self._root = os.fspath(root)
        self._places = [posixpath.join(place.relative_to(root).as_posix(), "") for place in places]
        self._places = ["" if place == "./" else place for place in self._places]
        self._probes = 0
        self._by_stem = lru_cache(LISTINGS)(_by_stem)

    def find(self, path: str) -> str | None:
        """Path of an image below the root, None if it is in no place.

        Args:
            path: as the list has it, `/` separated, without `..`.

        Raises:
            LayoutError: one of the first images is in two places.
        """
        if self._probes < PROBES:
            self._probe(path)
        for number, place in enumerate(self._places):
            if os.path.isfile(f"{self._root}/{place}{path}"):  # noqa: PTH113  a path object takes longer
                if number:  # the next one is likely to be there too
                    self._places.insert(0, self._places.pop(number))
                return place + path
        return next(filter(None, (self._similar(place, path) for place in self._places)), None)

    def missing(self, path: str) -> str:
        """Path below the root where an image should be that is in no place."""
        return self._places[0] + path

    def _similar(self, place: str, path: str) -> str | None:
        """Path of the image of the same stem in a place, None if there is none."""
        folder, name = posixpath.split(place + path)
        stem, suffix = posixpath.splitext(name)
        same_stem = self._by_stem(f"{self._root}/{folder}").get(stem.lower(), ())
        best = min(
            same_stem,
            key=lambda found: (not found.startswith(stem), not found.lower().endswith(suffix.lower())),
            default=None,
        )
        return best and posixpath.join(folder, best)

    def _probe(self, path: str) -> None:
        """Make sure that an image is in one place only."""
        copies = [f"{self._root}/{place}{path}" for place in self._places]
        copies = [copy for copy in copies if os.path.isfile(copy)]  # noqa: PTH113
        self._probes += bool(copies)
        if len(copies) > 1:
            raise LayoutError(
                f"an image is there {len(copies)} times: {', '.join(copies)}",
                hint="move one of the copies of the images out of the folder",
            )


def _by_stem(folder: str) -> dict[str, list[str]]:
    """Names of the images of a folder by their stem in lower case, the preferred one first."""
    found: dict[str, list[str]] = defaultdict(list)
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:  # the folder is missing: so are its images
        return {}
    for name in names:
        stem, suffix = posixpath.splitext(name)
        if suffix.lower() in SUFFIXES and not is_junk(name):
            found[stem.lower()].append(name)
    for same in found.values():
        same.sort(key=lambda name: (SUFFIXES.index(posixpath.splitext(name)[1].lower()), name))
    return found
