"""Walk through the raw folders of a dataset."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from elimctl.errors import LayoutError, MissingError

JUNK = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir"})  # left behind by operating systems
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".rar", ".7z")


def is_junk(name: str) -> bool:
    """Whether a name is junk: hidden (`.DS_Store`, `._x`) or left by an operating system."""
    return name.startswith(".") or name in JUNK


def is_junk_path(path: str) -> bool:
    """Whether any part of a `/` separated path is junk."""
    return any(map(is_junk, path.split("/")))


def walk(root: Path, *, skip: Callable[[str], bool] = is_junk) -> Iterator[tuple[Path, list[str]]]:
    """Yield the folders under a root, each once, sorted by name.

    Args:
        root: folder to start from.
        skip: whether to skip a file or folder of a name.

    Yields:
        Each folder with the sorted names of its files. Links to folders are followed; a folder is entered
        only once, so loops of links end.

    Raises:
        MissingError: the root does not exist, or a folder cannot be listed.
        LayoutError: the root is a file.
    """
    if not root.exists():
        raise MissingError(f"no folder {root}", hint="check the path of the raw dataset")
    if not root.is_dir():
        raise LayoutError(
            f"{root} is a file; expected the folder of the raw dataset",
            hint="unpack it and pass the folder"
            if is_archive(root.name)
            else "pass the folder that holds it",
        )
    seen: set[tuple[int, int]] = set()
    for folder, below, names in os.walk(root, followlinks=True, onerror=_unlistable):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            below.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        below[:] = sorted(name for name in below if not skip(name))
        yield Path(folder), sorted(name for name in names if not skip(name))


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one; False for a broken or circular link."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; `walk` treats it as a file
        return False


def is_archive(name: str) -> bool:
    """Whether a name has the suffix of an archive."""
    return name.lower().endswith(ARCHIVES)


def _unlistable(error: OSError) -> None:
    raise MissingError(
        f"cannot list {error.filename}: {error.strerror}", hint="make the folder readable"
    ) from None
