"""Members of zip and tar archives, one at a time, with names that cannot lead out of a folder.

Archives are only read here. What a member becomes on disk is decided by `archive_unpack`, which writes plain
files and folders and nothing else; so no mode, owner, device or link of an archive ever reaches the disk.
"""

import lzma
import os
import posixpath
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, Self

from elimctl.errors import DataError, ElimctlError

ZIP = (".zip",)
TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz")
DRIVE = re.compile(r"[A-Za-z]:")
ENCRYPTED = 0x1  # bit 0 of the flags of a zip's member; APPNOTE 4.4.4
UTF8_NAME = 0x800  # bit 11
PATH_LIMIT_BYTES = 4096  # PATH_MAX of Linux: a longer target of a link is none
NAME_LIMIT_BYTES = 255  # NAME_MAX of Linux
FOLDER_LIMIT = 100  # folders within each other; Python cannot make a thousand at once
CHUNK_BYTES = 1 << 20
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    ValueError,
    OverflowError,
)


class ArchiveError(DataError):
    """An archive that cannot be unpacked, or must not be."""


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive to unpack, and how to speak of it.

    Args:
        file: where its bytes are.
        shipped: the archive of the user's that it is, or is within.
        inner: its path in that archive, empty if it is that archive.
    """

    file: Path
    shipped: Path
    inner: str = ""

    @property
    def title(self) -> str:
        """How messages name it."""
        return f"{self.inner} in {self.shipped}" if self.inner else str(self.shipped)

    @property
    def way_out(self) -> str:
        """The hint for what elimctl will not unpack: an archive beside its unpacked folder is left alone."""
        return f"unpack {self.shipped.name} yourself into a folder {stem(self.shipped.name)} beside it"

    def refusal(self, reason: str, *, hint: str | None = None) -> ArchiveError:
        """The error for an archive that is not to be unpacked."""
        return ArchiveError(f"{self.title} {reason}", hint=hint or self.way_out)

    def damage(self, reason: object) -> ArchiveError:
        """The error for an archive whose bytes are not those of an archive."""
        detail = str(reason).strip().splitlines()
        return ArchiveError(
            f"{self.title} is damaged or not an archive" + (f": {detail[0].lower()}" if detail else ""),
            hint=f"download {self.shipped.name} again, or move it out of the folder",
        )


@dataclass(frozen=True, slots=True)
class Member:
    """A file, folder or link in an archive.

    Args:
        name: its path, `/` separated, that stays within the archive.
        open: opens the content of a file, to be read before the next member is asked for; None for others.
        target: the path in the archive that a link leads to, None for others.
    """

    name: str
    open: Callable[[], IO[bytes]] | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What an archive holds.

    Args:
        members: its members in the order of the archive, once.
        declared_bytes: size of all files, as the archive tells; None where it does not tell at the outset.
    """

    members: Iterator[Member]
    declared_bytes: int | None


class Listed(NamedTuple):
    """A file of a zip as its directory lists it."""

    name: str  # its path, `/` separated
    size: int  # bytes
    checksum: int  # CRC-32 of its content, which unpacking compares
    attributes: int  # what else decides what it becomes on disk


def stem(name: str) -> str:
    """Name of an archive without what makes it an archive: `train` for `train.tar.gz`."""
    lower = name.lower()
    suffix = max((suffix for suffix in (*ZIP, *TAR) if lower.endswith(suffix)), key=len, default="")
    return name[: len(name) - len(suffix)]


def is_known(name: str) -> bool:
    """Whether a file of this name is a zip or tar archive."""
    return bool(stem(name)) and name.lower().endswith((*ZIP, *TAR))


@contextmanager
def opened(archive: Archive) -> Iterator[Content]:
    """Open an archive for one pass over its members.

    Raises:
        ArchiveError: the archive is damaged, is encrypted, is packed in a way that Python does not read, or
            has a member that would lie outside the folder it is unpacked to. Damage is often found only
            while members are read, in the block; it raises the same.
    """
    reader = _zip if archive.file.name.lower().endswith(ZIP) else _tar
    with _named_damage(archive), reader(archive) as content:
        yield content


@contextmanager
def _named_damage(archive: Archive) -> Iterator[None]:
    """Let whatever tells of damage be an error that names the archive."""
    try:
        yield
    except ElimctlError:
        raise
    except NotImplementedError as error:
        raise archive.refusal(f"uses a format that elimctl cannot read: {error}") from None
    except DAMAGE as error:
        raise archive.damage(error) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise archive.damage(error) from None  # how gzip and bz2 tell of bytes that are not theirs


def listed(archive: Archive) -> list[Listed] | None:
    """The files of a zip, in its order, from the directory at its end; None for a tar, which has none.

    Raises:
        ArchiveError: the zip is damaged.
    """
    if not archive.file.name.lower().endswith(ZIP):
        return None
    with _named_damage(archive), zipfile.ZipFile(archive.file) as file:
        infos = [(info, _shown(info)) for info in file.infolist()]
        return [
            Listed(name.replace("\\", "/"), info.file_size, info.CRC, info.external_attr >> 16)
            for info, name in infos
            if not name.endswith(("/", "\\"))
        ]


@contextmanager
def _zip(archive: Archive) -> Iterator[Content]:
    with zipfile.ZipFile(archive.file) as file:
        infos = file.infolist()
        declared = sum(info.file_size for info in infos)
        yield Content((_zip_member(archive, file, info) for info in infos), declared)


def _zip_member(archive: Archive, file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    shown = _shown(info)
    name = _inside(archive, shown)
    kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
    if kind == stat.S_IFDIR or shown.endswith(("/", "\\")):
        return Member(name)
    if info.flag_bits & ENCRYPTED:
        raise archive.refusal("is encrypted", hint=f"with its password, {archive.way_out}")
    if kind == stat.S_IFLNK and info.file_size <= PATH_LIMIT_BYTES:
        return Member(name, target=_beside(archive, name, _text(file.read(info))))
    if kind not in (0, stat.S_IFREG):
        raise _special(archive, name)
    return Member(name, open=partial(file.open, info))


def _shown(info: zipfile.ZipInfo) -> str:
    """A name in a zip as text.

    Without the flag many tools write UTF-8 all the same; what is not UTF-8 keeps zip's own CP437.
    """
    return info.filename if info.flag_bits & UTF8_NAME else _text(info.filename.encode("cp437"))


class _Header(tarfile.TarInfo):
    """A header of a tar; a damaged or missing one is an error, where tarfile would see the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf == bytes(tarfile.BLOCKSIZE):  # zeros: this is how a tar ends
                raise
            raise tarfile.ReadError(str(error)) from None


@contextmanager
def _tar(archive: Archive) -> Iterator[Content]:
    with tarfile.open(archive.file, tarinfo=_Header, encoding="utf-8", errors="surrogateescape") as file:
        yield Content(_tar_members(archive, file), None)


def _tar_members(archive: Archive, file: tarfile.TarFile) -> Iterator[Member]:
    while (info := file.next()) is not None:
        file.members.clear()  # type: ignore[attr-defined]  # else it keeps every header
        name = _inside(archive, _unescaped(info.name))
        if info.isdir():
            yield Member(name)
        elif info.issym():
            yield Member(name, target=_beside(archive, name, _unescaped(info.linkname)))
        elif info.islnk():
            yield Member(name, target=_inside(archive, _unescaped(info.linkname)))
        elif info.isreg():
            yield Member(name, open=partial(_extracted, file, info))
        else:
            raise _special(archive, name)
    while file.fileobj and file.fileobj.read(CHUNK_BYTES):
        pass  # to the end of what is compressed, where its checksum is compared


def _extracted(file: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = file.extractfile(info)
    assert content is not None, "a regular file has content"
    return content


def _inside(archive: Archive, name: str) -> str:
    """A member's path without `.` and doubled slashes, if it stays within the archive.

    Raises:
        ArchiveError: the path is absolute, names a drive, climbs with `..`, or is too long.
    """
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or ".." in parts or DRIVE.match(name):
        raise archive.refusal(f"holds {name!r}, which would lie outside the folder it is unpacked to")
    if len(parts) > FOLDER_LIMIT or any(len(os.fsencode(part)) > NAME_LIMIT_BYTES for part in parts):
        raise archive.refusal(f"holds {name!r:.100}, a path that is too long")
    return "/".join(part for part in parts if part not in ("", "."))


def _beside(archive: Archive, name: str, target: str) -> str:
    """The path in the archive that a symbolic link leads to.

    Raises:
        ArchiveError: it leads out of the archive.
    """
    reached = posixpath.normpath(posixpath.join(posixpath.dirname(name), target.replace("\\", "/")))
    if reached.startswith(("/", "../")) or reached == ".." or DRIVE.match(target):
        raise archive.refusal(f"holds a link, {name!r}, that points outside the archive: {target!r}")
    return reached


def _special(archive: Archive, name: str) -> ArchiveError:
    return archive.refusal(f"holds {name!r}, which is neither a file, a folder nor a link")


def _unescaped(name: str) -> str:
    """A name of a tar, read as UTF-8 with the bytes that are none escaped, as proper text."""
    return _text(name.encode("utf-8", "surrogateescape"))


def _text(name: bytes) -> str:
    """A name as text: UTF-8 if it is that, else CP437, which gives every byte a character."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")
