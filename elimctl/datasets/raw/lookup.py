"""Find files that a list names, even if their spelling on disk differs.

A name may differ in the composition of accents, in case, or (if the file was converted) in its suffix. The
closest spelling is used; two equally close ones are ambiguous.
"""

import os
import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from elimctl.datasets.raw.files import is_junk
from elimctl.manifest.names import canonical, caseless

LISTINGS = 64  # number of folders whose names are cached

# Rank of a name on disk, the closest first: the same bytes, the same characters, a
# suffix in another case, converted, and the same with the stem in another case.
EXACT, COMPOSED, SUFFIX_CASE, CONVERTED, CASE, CASE_CONVERTED = range(6)


class AmbiguousNameError(ValueError):
    """Two files match a name equally well; the message is the drop reason."""


class Lookup:
    """Finds files below a root.

    Args:
        root: the folder.
        kinds: groups of lower-case suffixes that a file may be converted between; the first that exists is
            used.
    """

    def __init__(self, root: str, kinds: Sequence[Sequence[str]]) -> None:
        self._root = root
        self._kinds = kinds
        self._names = lru_cache(LISTINGS)(_names)

    def find(self, path: str) -> str | None:
        """Path of a file below the root as spelled on disk, None if not found.

        Args:
            path: `/` separated, without `..`.

        Raises:
            AmbiguousNameError: several files match equally well and none exactly.
        """
        if os.path.isfile(f"{self._root}/{path}"):  # noqa: PTH113  a path object takes longer
            return path
        *folders, name = path.split("/")
        fits = self._fits([("/".join(folders), EXACT)], name) or self._fits(self._folders(folders), name)
        best = [place for rank, place in fits if rank == fits[0][0]]
        if len(best) > 1:
            raise AmbiguousNameError(f"ambiguous name: {path:.200} may be {' or '.join(best)}")
        return best[0] if best else None

    def _fits(self, folders: Sequence[tuple[str, int]], name: str) -> list[tuple[tuple[int, int], str]]:
        """Files that match a name with their rank, the closest first."""
        found = [
            ((max(closeness, rank), order), posixpath.join(folder, spelled))
            for folder, closeness in folders
            for spelled, rank, order in self._spellings(folder, name)
        ]
        return sorted(fit for fit in found if os.path.isfile(f"{self._root}/{fit[1]}"))  # noqa: PTH113

    def _folders(self, parts: Sequence[str]) -> list[tuple[str, int]]:
        """Folders that match a path, and their rank."""
        found = [("", EXACT)]
        for part in parts:
            found = [
                (posixpath.join(folder, name), max(closeness, rank))
                for folder, closeness in found
                for name, rank in self._alike(folder, part)
            ]
        return found

    def _alike(self, folder: str, wanted: str) -> Iterator[tuple[str, int]]:
        """Names in a folder that match a name, and their rank."""
        for name in self._names(posixpath.join(self._root, folder)).get(caseless(wanted), ()):
            yield name, _closeness(name, wanted)

    def _spellings(self, folder: str, wanted: str) -> Iterator[tuple[str, int, int]]:
        """Names in a folder that match a file, their rank, and their order among converted files."""
        for name, rank in self._alike(folder, wanted):
            yield name, SUFFIX_CASE if rank == CASE and _same_stem(name, wanted) else rank, 0
        stem, suffix = posixpath.splitext(wanted)
        kinds = [kind for kind in self._kinds if suffix.lower() in kind]
        for order, other in enumerate(other for kind in kinds or self._kinds for other in kind):
            if kinds and other == suffix.lower():
                continue
            whole = (stem if kinds else wanted) + other
            for name, _ in self._alike(folder, whole):
                yield name, CONVERTED if _same_stem(name, whole) else CASE_CONVERTED, order


def _closeness(name: str, wanted: str) -> int:
    if name == wanted:
        return EXACT
    return COMPOSED if canonical(name) == canonical(wanted) else CASE


def _same_stem(name: str, wanted: str) -> bool:
    return canonical(posixpath.splitext(name)[0]) == canonical(posixpath.splitext(wanted)[0])


def _names(folder: str) -> dict[str, list[str]]:
    """Names in a folder by their spelling without case and accents composed alike."""
    found: dict[str, list[str]] = defaultdict(list)
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:  # a missing folder has no files
        return {}
    for name in names:
        if not is_junk(name):
            found[caseless(name)].append(name)
    return found
