"""Which archives of a folder are to be unpacked, and which of them belong together.

A download that was split into several zips, as Google Drive splits a folder, is one archive:

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

from elimctl.datasets.raw import files
from elimctl.datasets.raw.archive_members import Archive, ArchiveError, Listed, listed
from elimctl.datasets.raw.archive_unpack import is_to_unpack
from elimctl.errors import Notice
from elimctl.text import counted

SPLIT = re.compile(r"(?P<base>.+-\d{8}T\d{6}Z)(-\d{1,3})?-(?P<part>\d{3})( ?\(\d+\))?\.zip", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ArchiveSet:
    """An archive, or the parts of a download that was split into several.

    Args:
        name: the name of the folder that they become, as of one archive.
        parts: the files, in order.
        members: what they hold; None where only unpacking tells.
    """

    name: str
    parts: Sequence[Path]
    members: Sequence[Listed] | None

    @property
    def status(self) -> list[list[int]]:
        """Size, times of change and inode of each part."""
        found = [part.stat() for part in self.parts]
        return [[one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino] for one in found]

    @property
    def facts(self) -> Sequence[Sequence[object]]:
        """What tells them from others of the same names, as values for JSON.

        For zips these are the checksums of what they hold. Those of a tar would cost reading it, so the
        change time and inode, which nobody can set, stand for its content.
        """
        return self.status if self.members is None else self.members


def gather(folder: Path, names: Sequence[str]) -> Iterator[ArchiveSet]:
    """The archives of a folder that are to be unpacked.

    Those whose files all lie unpacked beside them are passed over; a notice says so.

    Args:
        folder: where they are.
        names: of the files in it.

    Raises:
        ArchiveError: a zip is damaged, or only some of its files lie unpacked beside it.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    for name in sorted(names):
        if is_to_unpack(folder, name):
            found[_set_name(name)].append(folder / name)
    for name, parts in found.items():
        together = _set(name, parts)
        if not _is_beside(together, folder):
            yield together


def around(archive: Path) -> ArchiveSet:
    """The set that an archive belongs to."""
    name = _set_name(archive.name)
    if name == archive.name:
        return _set(name, [archive])
    beside = sorted(path for path in archive.parent.iterdir() if path.is_file())
    return _set(name, [path for path in beside if _set_name(path.name) == name])


def _set_name(name: str) -> str:
    """Name that the parts of a split download share; of other archives their own."""
    match = SPLIT.fullmatch(name)
    return f"{match['base']}.zip" if match else name


def _set(name: str, parts: Sequence[Path]) -> ArchiveSet:
    """A set of archives, each content once: browsers name the second download of a file `... (1).zip`."""
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


def _is_beside(found: ArchiveSet, folder: Path) -> bool:
    """Whether the files of zips lie unpacked beside them.

    Raises:
        ArchiveError: some do and others do not.
    """
    wanted = [member for member in found.members or () if not _is_junk(member.name)]
    tops = {member.name.partition("/")[0] for member in wanted}
    if tops & {"", ".."}:  # unpacking will refuse it
        return False
    # Unpacked where they are, or put into the folder that they hold.
    for base in (folder, folder.parent) if tops == {folder.name} else (folder,):
        if not any(os.path.exists(f"{base}/{top}") for top in tops):  # noqa: PTH110
            continue
        lacking = [member.name for member in wanted if not _is_there(f"{base}/{member.name}", member.size)]
        more = len(found.parts) - 1
        zips = f"{found.parts[0].name} and {more} more" if more else found.parts[0].name
        if not lacking:
            where = base / tops.pop() if len(tops) == 1 else base
            warnings.warn(
                f"{zips} in {folder} ignored, because it is already unpacked in {where}", Notice, stacklevel=2
            )
            return True
        if len(lacking) < len(wanted) and len(tops) == 1:
            raise ArchiveError(
                f"{zips} in {folder} {'are' if more else 'is'} unpacked in part: "
                f"{len(lacking):,} of {counted(len(wanted), 'file')} "
                f"{'is' if len(lacking) == 1 else 'are'} missing or {'has' if len(lacking) == 1 else 'have'} "
                f"another size, the first is {lacking[0]}",
                hint=f"unpack all of it, or move the archive away to read {base / tops.pop()} as it is",
            )
    return False


def _is_there(file: str, size: int) -> bool:
    return os.path.isfile(file) and os.path.getsize(file) == size  # noqa: PTH113, PTH202  any name may come


def _is_junk(name: str) -> bool:
    return any(map(files.is_junk, name.split("/")))
