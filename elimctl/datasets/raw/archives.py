"""Datasets that are still packed: a folder to read in place of one that holds zip and tar archives.

What was unpacked is kept in a cache, each archive by itself, so that a killed unpacking goes on with the
archive it was at. A folder of links puts the archives and what lies beside them together:

    cache/<key of an archive>/    its members; archives among them are folders of their names
    cache/<key of the mirror>/    links to these, and to the files and folders of the raw dataset
"""

import errno
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from elimctl.datasets.raw import archive_cache, archive_sets, files
from elimctl.datasets.raw.archive_members import Archive, ArchiveError, is_known
from elimctl.datasets.raw.archive_sets import ArchiveSet
from elimctl.datasets.raw.archive_unpack import OnMember, is_unpacked, unpack
from elimctl.errors import LayoutError
from elimctl.text import counted

PACKED = re.compile(
    r"(?P<stem>.+?)(\.part(?P<part>[0-9]{1,5}))?\.(?P<kind>rar|7z|zip)(\.(?P<volume>[0-9]{3}))?",
    re.IGNORECASE,
)
COUNTED = re.compile(r", but [\d,]+ archives?\Z")  # how readers tell that something may be packed


def mirror(root: Path, cache: Path, *, force: bool = False, on_member: OnMember = lambda _: None) -> Path:
    """A folder to read in place of a raw dataset's, in which archives are folders.

    An archive `x.zip` appears as a folder `x.zip`, at any depth and within archives too. One beside a folder
    `x` that is not empty was unpacked already, and is passed over, as is a zip whose files all lie beside it.
    The parts of a split download are one archive. RAR and 7z archives stay files. Killed at any moment and
    called again, it repeats no finished archive.

    Args:
        root: folder of the raw dataset, or an archive of it.
        cache: folder for what is unpacked. A hidden name keeps it out of the dataset if it lies within root.
        force: unpack archives although the cache has what they hold.
        on_member: called with the path of each member before it is unpacked.

    Returns:
        The root itself if it holds no archive, else a folder in the cache: the same one as long as the zips
        hold files of the same names and checksums, the tars are the same unchanged files, and the same files
        lie beside them.

    Raises:
        MissingError: there is no such root, or a folder cannot be listed.
        LayoutError: the root is a file, and no archive that elimctl unpacks.
        ArchiveError: an archive cannot be unpacked, or must not be, or is unpacked beside it only in part,
            or the cache takes no links.
        OSError: the cache cannot be written, or the disk is full; nothing half is left in it.
    """
    if root.is_file() and is_known(root.name):
        found = archive_sets.around(root)
        return _unpacked(found, found.name, cache, on_member, force=force)
    folders: set[Path] = set()
    sets: dict[Path, ArchiveSet] = {}
    for folder, names in files.walk(root):
        folders.add(folder)
        sets |= {folder / found.name: found for found in archive_sets.gather(folder, names)}
    if not sets:
        return root
    unpacked = {
        place: _unpacked(found, place.relative_to(root).as_posix(), cache, on_member, force=force)
        for place, found in sets.items()
    }
    links = _links(root, folders, unpacked)
    key = archive_cache.key(links)
    return archive_cache.published(cache, key, lambda folder: _link_all(folder, links))


class Packed(NamedTuple):
    """Archives that only the user can unpack.

    Args:
        sentence: which, as the end of a message.
        hint: what to run.
    """

    sentence: str
    hint: str


def packed(root: Path) -> Packed | None:
    """What there is under a root of RAR, 7z and split zip archives that nobody unpacked; None for none.

    Args:
        root: folder of the raw dataset, or an archive of it.
    """
    folders = [(root.parent, [root.name])] if root.is_file() else files.walk(root)
    found = [volumes for folder, names in folders for volumes in _volumes(folder, names)]
    if not found:
        return None
    numbers = found[0]
    first = numbers[min(numbers)]
    missing = [str(number) for number in range(1, max(numbers)) if number not in numbers]
    sentence = f"{first} is still packed"
    if len(numbers) > 1:
        sentence = f"{first} and {counted(len(numbers) - 1, 'further part')} are still packed"
    if missing:
        sentence += f" (missing: part {', '.join(missing)})"
    if len(found) > 1:
        sentence += f", and {counted(len(found) - 1, 'archive')} more"
    command = "unrar x" if first.suffix.lower() == ".rar" else "7z x"
    return Packed(sentence, f"run {command} {first.name} in {first.parent}, then the same command again")


def explain(error: LayoutError, root: Path, *, read: Path | None = None) -> LayoutError:
    """An error of a reader that did not recognise a root, with what is still packed there as its reason.

    Args:
        error: the reader's.
        root: folder of the raw dataset, or an archive of it.
        read: folder of the cache that was read in its place, if one was; the user need not know it.

    Returns:
        The error itself if nothing is packed, and nothing was read in the root's place.
    """
    found = packed(root)
    if found is None and read in (None, root):
        return error
    message = error.message if read is None else error.message.replace(os.fspath(read), os.fspath(root))
    if found is None:
        return LayoutError(message, hint=error.hint)
    return LayoutError(f"{COUNTED.sub('', message)}, but {found.sentence}", hint=found.hint)


def _volumes(folder: Path, names: Sequence[str]) -> Iterator[dict[int, Path]]:
    """Archives of a folder that only the user can unpack: files by the number of the part, from 1."""
    found: dict[tuple[str, str], dict[int, Path]] = defaultdict(dict)
    for name in names:
        match = PACKED.fullmatch(name)
        if match is None:
            continue
        stem, kind, volume = match["stem"], match["kind"].lower(), match["part"] or match["volume"]
        split = volume is not None or kind != "zip" or (folder / f"{stem}.z01").exists()
        if split and not is_unpacked(folder / stem):
            found[stem, kind][int(volume or 1)] = folder / name
    yield from found.values()


def _unpacked(found: ArchiveSet, name: str, cache: Path, on_member: OnMember, *, force: bool) -> Path:
    """Folder of what a set of archives holds; `name` is its path below the root."""
    before = found.status

    def fill(folder: Path) -> None:
        for part in found.parts:
            unpack(Archive(part, part), folder, on_member=on_member)
        if found.status != before:
            raise ArchiveError(
                f"{found.parts[0]} changed while it was unpacked", hint="run the same command again"
            )

    key = archive_cache.key({"name": name, "facts": found.facts})
    return archive_cache.published(cache, key, fill, force=force)


def _links(root: Path, folders: set[Path], unpacked: Mapping[Path, Path]) -> dict[str, str]:
    """Links of a mirror: what each leads to, absolute, by its path in the mirror.

    A folder is linked as a whole, unless it holds an archive or a link to a folder that was walked already.
    The latter is left out: in a mirror it would lead around to the raw folder, a second time.
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
    """Whether a path is junk, an archive that was unpacked by hand, or a folder that was walked elsewhere."""
    if files.is_junk(path.name):
        return True
    return path not in folders if path.is_dir() else is_known(path.name)


def _link_all(folder: Path, links: Mapping[str, str]) -> None:
    """Make the links of a mirror.

    Raises:
        ArchiveError: the file system has no links.
    """
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
