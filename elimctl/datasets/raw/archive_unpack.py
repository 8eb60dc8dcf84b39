"""Unpack an archive, and the archives in it, to plain files and folders."""

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

# Archives of images compress 1:1 and archives of label files up to 1:50; deflate alone can reach 1:1032.
RATIO_LIMIT = 100
RATIO_FREE_BYTES = 1 << 30  # always allowed, however small the archive is
ENTRY_BYTES = 512  # minimum cost of a file or folder on disk, besides its content
RESERVE_BYTES = 64 << 20  # disk space that stays free

OnMember = Callable[[str], None]


class Budget:
    """Limit on what an archive and the archives in it may write to a folder."""

    def __init__(self, archive: Archive, folder: Path) -> None:
        self.archive = archive
        self.folder = folder
        self.spent_bytes = 0
        self.packed_bytes = archive.file.stat().st_size
        self.free_bytes = shutil.disk_usage(folder).free

    def spend(self, size_bytes: int) -> None:
        """Count bytes that are about to be written.

        Raises:
            ArchiveError: the budget is exceeded.
        """
        self.spent_bytes += size_bytes
        self.require(0)

    def require(self, size_bytes: int) -> None:
        """Check that this much more fits the budget.

        Raises:
            ArchiveError: it does not.
        """
        total = self.spent_bytes + size_bytes
        if total > max(RATIO_FREE_BYTES, RATIO_LIMIT * self.packed_bytes):
            raise self.archive.refusal(
                f"has {_size(self.packed_bytes)} and unpacks to {_size(total)} or more, "
                f"over {RATIO_LIMIT} times its size; it may be made to fill the disk"
            )
        lacking = total + RESERVE_BYTES - self.free_bytes
        if lacking > 0:
            free, reserve = _size(self.free_bytes), _size(RESERVE_BYTES)
            raise ArchiveError(
                f"{self.archive.title} unpacks to {_size(total)} or more; {free} are free in "
                f"{self.folder.parent}, of which elimctl keeps {reserve} free",
                hint=f"free {_size(lacking)} or more, or choose another folder with --workspace",
            )


def unpack(archive: Archive, folder: Path, *, on_member: OnMember) -> None:
    """Unpack an archive; an archive in it becomes a folder of the same name.

    Args:
        archive: the archive.
        folder: an empty folder to write to. After an error it holds a part of the content.
        on_member: called with the path of each member before it is written.

    Raises:
        ArchiveError: the archive is damaged or encrypted, exceeds the budget, is nested more than once, or
            has a member that is unsafe or occurs twice.
        OSError: the disk is full.
    """
    budget = Budget(archive, folder)
    _extract(archive, folder, budget, on_member)
    for nested in _archives_in(folder):
        inner = Archive(nested, archive.shipped, nested.relative_to(folder).as_posix())
        beside = nested.with_name(f".{nested.name}.tmp")  # no member has a hidden name
        beside.mkdir()
        _extract(inner, beside, budget, on_member)
        if deeper := _archives_in(beside):
            raise inner.refusal(
                f"is nested too deep: it holds another archive, {deeper[0].relative_to(beside)}"
            )
        nested.unlink()
        beside.rename(nested)


def is_to_unpack(folder: Path, name: str) -> bool:
    """Whether elimctl unpacks a file: an archive that is neither unpacked already nor part of a split zip."""
    beside = folder / stem(name)
    return is_known(name) and not is_unpacked(beside) and not beside.with_name(f"{beside.name}.z01").exists()


def is_unpacked(folder: Path) -> bool:
    """Whether a folder named after an archive exists and is not empty."""
    return folder.is_dir() and any(not files.is_junk(entry.name) for entry in folder.iterdir())


def _archives_in(folder: Path) -> list[Path]:
    walked = files.walk(folder)
    return [below / name for below, names in walked for name in names if is_to_unpack(below, name)]


def _extract(archive: Archive, folder: Path, budget: Budget, on_member: OnMember) -> None:
    """Write the members of one archive."""
    links: dict[str, str] = {}
    with opened(archive) as (members, declared_bytes):
        budget.require(declared_bytes)
        for member in members:
            if not member.name or files.is_junk_path(member.name):
                continue
            on_member(member.name)
            if member.target is not None:
                links[member.name] = member.target
                continue
            with _once(archive, member.name):
                _write(member, folder / member.name, budget)
    _copy_linked(archive, links, folder, budget)


@contextmanager
def _once(archive: Archive, name: str) -> Iterator[None]:
    """Refuse the archive if the block finds another file in the way."""
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise archive.refusal(f"holds {name!r} twice, or as a file and as a folder") from None


def _write(member: Member, file: Path, budget: Budget) -> None:
    """Write a plain file or a folder, never anything else."""
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
    """Write copies in place of links: a tar stores the second name of a file as a link to the first."""
    for name, target in links.items():
        visited: set[str] = set()
        while target in links and target not in visited:  # links to links
            visited.add(target)
            target = links[target]
        source, file = folder / target, folder / name
        if not source.is_file():
            raise archive.refusal(f"holds a link, {name!r}, to a missing file: {target!r}")
        budget.spend(ENTRY_BYTES + source.stat().st_size)
        file.parent.mkdir(parents=True, exist_ok=True)
        with _once(archive, name), source.open("rb") as content, file.open("xb") as copy:
            shutil.copyfileobj(content, copy, CHUNK_BYTES)


def _size(size_bytes: int) -> str:
    """A size in bytes, kB, MB, GB or TB."""
    units = ("bytes", "kB", "MB", "GB", "TB")
    power = min(max(len(str(size_bytes)) - 1, 0) // 3, len(units) - 1)
    return f"{size_bytes / 1000**power:.3g} {units[power]}"
