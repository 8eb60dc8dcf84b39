"""Read datasets that are still packed: a folder in which zip and tar archives appear as folders.

Unpacked archives are kept in a cache, each in its own folder, so a killed run repeats no finished archive.
A folder of links combines them with the other files of the dataset:

    cache/<key of an archive>/    its members
    cache/<key of the mirror>/    links to unpacked archives, and to files and folders of the raw dataset
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from elimctl import processes
from elimctl.datasets.raw import archive_sets, files
from elimctl.datasets.raw.archive_members import Archive, ArchiveError, is_known
from elimctl.datasets.raw.archive_sets import ArchiveSet
from elimctl.datasets.raw.archive_unpack import OnMember, unpack

FORMAT = 2  # part of every key; increase it when the same archive would be unpacked differently


def mirror(root: Path, cache: Path, *, force: bool = False, on_member: OnMember = lambda _: None) -> Path:
    """Unpack the archives of a raw dataset and return a folder to read instead of it.

    An archive `x.zip` appears as a folder `x.zip`, at any depth, also inside another archive. It is ignored
    if a non-empty folder `x` or all its files lie beside it. The parts of a split download are one archive.
    RAR and 7z archives stay files.

    Args:
        root: folder of the raw dataset, or an archive of it.
        cache: folder for unpacked archives. Give it a hidden name if it lies below `root`.
        force: unpack archives again, even if the cache has their content.
        on_member: called with the path of each member before it is unpacked.

    Returns:
        The root itself if it holds no archive, else a folder in the cache. It is the same folder as long as
        the dataset does not change: zips by names and checksums of their files, tars by size, times, inode.

    Raises:
        MissingError: the root does not exist, or a folder cannot be listed.
        LayoutError: the root is a file other than a zip or tar archive.
        ArchiveError: an archive cannot be unpacked or is unsafe, only some of its files lie beside it, or the
            file system of the cache has no links.
        OSError: the cache cannot be written, or the disk is full; nothing incomplete is left in it.
    """
    if root.is_file() and is_known(root.name):
        whole = archive_sets.around(root)
        return _unpacked(whole, whole.name, cache, on_member, force=force)
    folders: set[Path] = set()
    sets: dict[Path, ArchiveSet] = {}
    for folder, names in files.walk(root):
        folders.add(folder)
        sets |= {folder / archives.name: archives for archives in archive_sets.gather(folder, names)}
    if not sets:
        return root
    unpacked = {
        place: _unpacked(archives, place.relative_to(root).as_posix(), cache, on_member, force=force)
        for place, archives in sets.items()
    }
    links = _links(root, folders, unpacked)
    return _published(cache, _key(links), lambda folder: _link_all(folder, links))


def _unpacked(archives: ArchiveSet, name: str, cache: Path, on_member: OnMember, *, force: bool) -> Path:
    """Folder with the content of a set of archives; `name` is its path below the root."""
    before = archives.status

    def fill(folder: Path) -> None:
        for part in archives.parts:
            unpack(Archive(part, part), folder, on_member=on_member)
        if archives.status != before:
            raise ArchiveError(
                f"{archives.parts[0]} changed while it was unpacked", hint="run the same command again"
            )

    return _published(cache, _key({"name": name, "facts": archives.facts}), fill, force=force)


def _links(root: Path, folders: set[Path], unpacked: Mapping[Path, Path]) -> dict[str, str]:
    """Absolute targets of the links of a mirror, by their paths in it.

    A folder is linked as a whole, unless it holds an archive or a link to a folder that was walked already.
    Such links are left out: they would lead back to the raw folder.
    """
    real = {above for archive in unpacked for above in archive.parents}
    for folder in folders:
        for entry in os.scandir(folder):
            if entry.is_symlink() and files.is_folder(entry) and _is_left_out(Path(entry), folders):
                real |= {folder, *folder.parents}
    links: dict[str, str] = {}
    for folder in sorted(real & folders):
        for path in sorted(folder.iterdir()):
            if not _is_left_out(path, folders) and path not in real:
                links[path.relative_to(root).as_posix()] = os.fspath(path.absolute())
    links |= {place.relative_to(root).as_posix(): os.fspath(to.absolute()) for place, to in unpacked.items()}
    return links


def _is_left_out(path: Path, folders: set[Path]) -> bool:
    """Whether a path is junk, an archive unpacked by hand, or a folder that was walked elsewhere."""
    if files.is_junk(path.name):
        return True
    return path not in folders if path.is_dir() else is_known(path.name)


def _link_all(folder: Path, links: Mapping[str, str]) -> None:
    """Create the links of a mirror."""
    for name, target in links.items():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            link.symlink_to(target)
        except (OSError, NotImplementedError) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise ArchiveError(
                f"cannot create a link to {target} in {folder}: {error}",
                hint="unpack the archives yourself, or choose a --workspace on a file system with links",
            ) from None


def _key(facts: object) -> str:
    """Name of the cache folder that these facts, values for JSON, determine."""
    return hashlib.sha256(json.dumps([FORMAT, facts], sort_keys=True).encode()).hexdigest()[:32]


def _published(cache: Path, name: str, fill: Callable[[Path], None], *, force: bool = False) -> Path:
    """A folder of the cache, filled if missing (or if `force`), and visible only once complete.

    Of several processes one fills it while the others wait. On a file system without locks each fills its
    own, and the first to finish publishes it.
    """
    folder = cache / name
    if folder.is_dir() and not force:
        return folder
    with _locked(cache) as alone:
        if folder.is_dir() and not force:
            return folder
        for leftover in cache.glob(".*.tmp") if alone else ():
            shutil.rmtree(leftover)
        beside = cache / f".{name}.{socket.gethostname()}.{os.getpid()}.tmp"
        try:
            beside.mkdir()
            fill(beside)
            os.sync()  # one call for possibly a million files
            _exchange(beside, folder)
        except OSError as error:
            error.filename = error.filename or os.fspath(cache)  # errors of a full disk name no file
            raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return folder


def _exchange(beside: Path, folder: Path) -> None:
    """Rename a complete folder, and replace an existing one."""
    if folder.is_dir():
        replaced = beside.with_name(f"{beside.name.removesuffix('.tmp')}.replaced.tmp")
        folder.rename(replaced)
        beside.rename(folder)
        shutil.rmtree(replaced)
    else:
        beside.rename(folder)


@contextmanager
def _locked(cache: Path) -> Iterator[bool]:
    """Lock a cache for writing and yield whether the file system has locks; a killed process holds none."""
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / ".lock"
    with path.open("ab") as lock:
        yield processes.lock(lock, path, fcntl.LOCK_EX)
