"""Find the archives of a folder: those that elimctl unpacks, and those that the user has to unpack.

Google Drive splits the download of a folder into several zips; they are one archive:

    Name-20260101T101010Z-001.zip    Name/labels.csv, Name/1.jpg
    Name-20260101T101010Z-002.zip    Name/2.jpg
"""

import os
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from elimctl.datasets.raw import files
from elimctl.datasets.raw.archive_members import Archive, ArchiveError, Listed, listed
from elimctl.datasets.raw.archive_unpack import is_to_unpack, is_unpacked
from elimctl.errors import LayoutError, Notice
from elimctl.text import counted

SPLIT = re.compile(r"(?P<base>.+-\d{8}T\d{6}Z)(-\d{1,3})?-(?P<part>\d{3})( ?\(\d+\))?\.zip", re.IGNORECASE)
PACKED = re.compile(
    r"(?P<stem>.+?)(\.part(?P<part>[0-9]{1,5}))?\.(?P<kind>rar|7z|zip)(\.(?P<volume>[0-9]{3}))?",
    re.IGNORECASE,
)
COUNTED = re.compile(r", but [\d,]+ archives?\Z")  # end of a reader's message about a packed dataset


@dataclass(frozen=True, slots=True)
class ArchiveSet:
    """An archive, or the parts of a split download."""

    name: str  # of the folder that it becomes, like the name of one archive
    parts: Sequence[Path]  # in order
    members: Sequence[Listed] | None  # None for a tar, which has no directory

    @property
    def status(self) -> list[list[int]]:
        """Size, times of change and inode of each part."""
        statuses = [part.stat() for part in self.parts]
        return [
            [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino] for status in statuses
        ]

    @property
    def facts(self) -> Sequence[Sequence[object]]:
        """Identity of the content, as values for JSON.

        For zips: names and checksums of the files. A tar would have to be read for these, so its size, times
        and inode stand for its content.
        """
        return self.status if self.members is None else self.members


def gather(folder: Path, names: Sequence[str]) -> Iterator[ArchiveSet]:
    """Yield the archives among the files `names` of a folder that have to be unpacked.

    Zips whose files all lie unpacked beside them are ignored with a notice.

    Raises:
        ArchiveError: a zip is damaged, or only some of its files lie unpacked beside it.
    """
    by_name: dict[str, list[Path]] = defaultdict(list)
    for name in sorted(names):
        if is_to_unpack(folder, name):
            by_name[_set_name(name)].append(folder / name)
    for name, parts in by_name.items():
        together = _set(name, parts)
        if not _is_beside(together, folder):
            yield together


def around(archive: Path) -> ArchiveSet:
    """The archive, together with the other parts if it is a part of a split download."""
    name = _set_name(archive.name)
    if name == archive.name:
        return _set(name, [archive])
    beside = sorted(path for path in archive.parent.iterdir() if path.is_file())
    return _set(name, [path for path in beside if _set_name(path.name) == name])


def _set_name(name: str) -> str:
    """The common name of the parts of a split download; the own name of other archives."""
    match = SPLIT.fullmatch(name)
    return f"{match['base']}.zip" if match else name


def _set(name: str, parts: Sequence[Path]) -> ArchiveSet:
    """Combine parts, leaving out second downloads of a file, which browsers name `... (1).zip`."""
    contents = {part: listed(Archive(part, part)) for part in parts}
    if any(content is None for content in contents.values()):
        return ArchiveSet(name, parts, None)
    once = {tuple(content or ()): part for part, content in reversed(contents.items())}
    kept = [part for part in parts if part in once.values()]
    numbers = {int(match["part"]) for part in kept if (match := SPLIT.fullmatch(part.name))}
    missing = [str(number) for number in range(1, max(numbers, default=0)) if number not in numbers]
    if missing:
        warnings.warn(
            f"part {', '.join(missing)} of {parts[0].parent / name} is missing; its files are not read",
            Notice,
            stacklevel=2,
        )
    return ArchiveSet(name, kept, [member for part in kept for member in contents[part] or ()])


def _is_beside(archives: ArchiveSet, folder: Path) -> bool:
    """Whether all files of zips lie unpacked beside them; refused if only some do."""
    wanted = [member for member in archives.members or () if not files.is_junk_path(member.name)]
    tops = {member.name.partition("/")[0] for member in wanted}
    if tops & {"", ".."}:  # unpacking will refuse it
        return False
    # Unpacked into their own folder, or moved into the folder that they contain.
    for base in (folder, folder.parent) if tops == {folder.name} else (folder,):
        if not any(os.path.exists(f"{base}/{top}") for top in tops):  # noqa: PTH110
            continue
        lacking = [member.name for member in wanted if not _is_there(f"{base}/{member.name}", member.size)]
        more = len(archives.parts) - 1
        zips = f"{archives.parts[0].name} and {more} more" if more else archives.parts[0].name
        if not lacking:
            where = base / tops.pop() if len(tops) == 1 else base
            text = f"{zips} in {folder} ignored, because it is already unpacked in {where}"
            warnings.warn(text, Notice, stacklevel=2)
            return True
        if len(lacking) < len(wanted) and len(tops) == 1:
            raise ArchiveError(
                f"{zips} in {folder}: unpacked beside it only in part; {len(lacking):,} of "
                f"{counted(len(wanted), 'file')} missing or of another size, such as {lacking[0]}",
                hint=f"unpack all of it, or move the archive away to read {base / tops.pop()} as it is",
            )
    return False


def _is_there(file: str, size: int) -> bool:
    return os.path.isfile(file) and os.path.getsize(file) == size  # noqa: PTH113, PTH202  any name may come


class Packed(NamedTuple):
    """Archives that only the user can unpack."""

    sentence: str  # names them at the end of a message
    hint: str  # the command to run


def packed(root: Path) -> Packed | None:
    """Find RAR, 7z and split zip archives that are not unpacked under a root (a folder or an archive)."""
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
    """Add archives that are still packed to a reader's error, and the user's path instead of the cache's.

    Args:
        error: error of a reader that did not recognise the dataset.
        root: folder of the raw dataset, or an archive of it.
        read: folder of the cache that was read in place of the root, if any.
    """
    found = packed(root)
    if found is None and read in (None, root):
        return error
    message = error.message if read is None else error.message.replace(os.fspath(read), os.fspath(root))
    if found is None:
        return LayoutError(message, hint=error.hint)
    return LayoutError(f"{COUNTED.sub('', message)}, but {found.sentence}", hint=found.hint)


def _volumes(folder: Path, names: Sequence[str]) -> Iterator[dict[int, Path]]:
    """Archives of a folder that only the user can unpack, each as files by number of the part, from 1."""
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
