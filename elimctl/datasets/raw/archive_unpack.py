"""Unpacking one archive, and those within it, to plain files and folders."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from elimctl.datasets.raw import files
from elimctl.datasets.raw.archive_members import (
    CHUNK_BYTES,
    Archive,
    ArchiveError,
    Member,
    is_known,
    opened,
    stem,
)

DEPTH_LIMIT = 4  # archives within archives; Aff-Wild has two
# An honest archive of pictures packs 1:1, one of label files up to 1:50; deflate alone can reach 1:1032.
RATIO_LIMIT = 100
RATIO_FREE_BYTES = 1 << 30  # however small the archive is, this much does no harm
ENTRY_BYTES = 512  # what a file or folder costs a disk beside its content, at least
RESERVE_BYTES = 64 << 20  # of the disk, left to others

OnMember = Callable[[str], None]


class Budget:
    """What an archive may write, those within it included.

    Args:
        archive: the archive.
        folder: where it is unpacked.
    """

    def __init__(self, archive: Archive, folder: Path) -> None:
        self.archive = archive
        self.folder = folder
        self.spent_bytes = 0
        self.packed_bytes = archive.file.stat().st_size
        self.free_bytes = shutil.disk_usage(folder).free

    def foresee(self, size_bytes: int) -> None:
        """Refuse an archive that tells at the outset that it holds too much.

        Raises:
            ArchiveError: with this much more the budget would be exceeded.
        """
        self._check(self.spent_bytes + size_bytes)

    def spend(self, size_bytes: int) -> None:
        """Note what is about to be written.

        Raises:
            ArchiveError: the budget is exceeded.
        """
        self.spent_bytes += size_bytes
        self._check(self.spent_bytes)

    def _check(self, size_bytes: int) -> None:
        if size_bytes > max(RATIO_FREE_BYTES, RATIO_LIMIT * self.packed_bytes):
            raise self.archive.refusal(
                f"has {_size(self.packed_bytes)} and unpacks to {_size(size_bytes)} or more, "
                f"over {RATIO_LIMIT} times its size; it may be made to fill the disk"
            )
        lacking = size_bytes + RESERVE_BYTES - self.free_bytes
        if lacking > 0:
            free, reserve = _size(self.free_bytes), _size(RESERVE_BYTES)
            raise ArchiveError(
                f"{self.archive.title} unpacks to {_size(size_bytes)} or more; {free} are free in "
                f"{self.folder.parent}, of which elimctl keeps {reserve} free",
                hint=f"free {_size(lacking)} or more, or choose another folder with --workspace",
            )


def unpack(archive: Archive, folder: Path, *, on_member: OnMember) -> None:
    """Unpack an archive; one within it becomes a folder of its name.

    Args:
        archive: what to unpack.
        folder: where to; it exists and is empty. After an error it holds a part.
        on_member: called with the path of each member before it is written.

    Raises:
        ArchiveError: the archive is damaged or encrypted, holds too much or too deep a nest, or has a member
            that would lie outside or is there twice.
        OSError: the disk is full.
    """
    _unpack(archive, folder, Budget(archive, folder), on_member, depth=0)


def is_to_unpack(folder: Path, name: str) -> bool:
    """Whether a file is an archive that elimctl unpacks: not unpacked before, and no part of a split zip."""
    beside = folder / stem(name)
    return is_known(name) and not is_unpacked(beside) and not beside.with_name(f"{beside.name}.z01").exists()


def is_unpacked(folder: Path) -> bool:
    """Whether the folder that an archive would be unpacked to by hand holds something."""
    return folder.is_dir() and any(not files.is_junk(entry.name) for entry in folder.iterdir())


def _unpack(archive: Archive, folder: Path, budget: Budget, on_member: OnMember, *, depth: int) -> None:
    if depth > DEPTH_LIMIT:
        raise archive.refusal(f"is nested too deep: {depth} archives around it, {DEPTH_LIMIT} at most")
    links: dict[str, str] = {}
    with opened(archive) as content:
        budget.foresee(content.declared_bytes or 0)
        for member in content.members:
            if not member.name or any(map(files.is_junk, member.name.split("/"))):
                continue
            on_member(member.name)
            with _once(archive, member.name):
                if member.target is None:
                    _write(member, folder / member.name, budget)
                else:
                    links[member.name] = member.target
    _copy_linked(archive, links, folder, budget)
    for nested in _nested(folder):
        inner = "/".join(filter(None, (archive.inner, nested.relative_to(folder).as_posix())))
        beside = nested.with_name(f".{nested.name}.tmp")  # a hidden name: no member has it
        beside.mkdir()
        _unpack(Archive(nested, archive.shipped, inner), beside, budget, on_member, depth=depth + 1)
        nested.unlink()
        beside.rename(nested)


@contextmanager
def _once(archive: Archive, name: str) -> Iterator[None]:
    """Say which member is in the way of another.

    Raises:
        ArchiveError: the block finds a file where it wants to write.
    """
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise archive.refusal(f"holds {name!r} twice, or as a file and as a folder") from None


def _write(member: Member, file: Path, budget: Budget) -> None:
    """Write a file or folder; whatever is in the archive, the disk gets nothing else."""
    budget.spend(ENTRY_BYTES)
    if member.open is None:
        file.mkdir(parents=True, exist_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as source, file.open("xb") as target:
        while chunk := source.read(CHUNK_BYTES):
            budget.spend(len(chunk))
            target.write(chunk)


def _copy_linked(archive: Archive, links: dict[str, str], folder: Path, budget: Budget) -> None:
    """Write what links lead to in their place: a tar holds the second name of a file as a link to the first.

    Raises:
        ArchiveError: a link leads to no file.
    """
    for name, target in links.items():
        seen: set[str] = set()
        while target in links and target not in seen:  # links to links
            seen.add(target)
            target = links[target]
        source, file = folder / target, folder / name
        if not source.is_file():
            raise archive.refusal(f"holds a link, {name!r}, to a missing file: {target!r}")
        budget.spend(ENTRY_BYTES + source.stat().st_size)
        file.parent.mkdir(parents=True, exist_ok=True)
        with _once(archive, name), source.open("rb") as content, file.open("xb") as copy:
            shutil.copyfileobj(content, copy, CHUNK_BYTES)


def _nested(folder: Path) -> list[Path]:
    """Archives among what was unpacked."""
    walked = files.walk(folder)
    return [below / name for below, names in walked for name in names if is_to_unpack(below, name)]


def _size(size_bytes: int) -> str:
    """A size in the unit that suits it."""
    units = ("bytes", "kB", "MB", "GB", "TB")
    power = min(max(len(str(size_bytes)) - 1, 0) // 3, len(units) - 1)
    return f"{size_bytes / 1000**power:.3g} {units[power]}"
