"""Read the members of zip and tar archives one at a time, and refuse unsafe ones.

`archive_unpack` writes them as plain files and folders: no mode, owner, device or link of an archive reaches
the disk. `tarfile`'s extraction filters do not refuse duplicates or damage, and zip has none.
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
ENCRYPTED = 0x1  # bit 0 of the flags of a zip member; APPNOTE 4.4.4
UTF8_NAME = 0x800  # bit 11
PATH_LIMIT_BYTES = 4096  # PATH_MAX of Linux: no link has a longer target
NAME_LIMIT_BYTES = 255  # NAME_MAX of Linux
FOLDER_LIMIT = 100  # depth of a path; Python cannot make a thousand nested folders at once
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
    """An archive is damaged, unsafe, or in a format that elimctl does not unpack."""


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive to unpack, and its name in messages."""

    file: Path  # the archive itself
    shipped: Path  # the user's archive: the same, or the one that contains it
    inner: str = ""  # its path in the user's archive, empty if it is the same

    @property
    def title(self) -> str:
        """Name in messages."""
        return f"{self.inner} in {self.shipped}" if self.inner else str(self.shipped)

    @property
    def way_out(self) -> str:
        """Hint for an archive that elimctl does not unpack; one beside its unpacked folder is ignored."""
        return f"unpack {self.shipped.name} yourself into a folder {stem(self.shipped.name)} beside it"

    def refusal(self, reason: str, *, hint: str | None = None) -> ArchiveError:
        """Build the error for an archive that elimctl does not unpack."""
        return ArchiveError(f"{self.title} {reason}", hint=hint or self.way_out)

    def damage(self, reason: object) -> ArchiveError:
        """Build the error for a damaged archive."""
        detail = str(reason).strip().splitlines()
        return ArchiveError(
            f"{self.title} is damaged or not an archive" + (f": {detail[0].lower()}" if detail else ""),
            hint=f"download {self.shipped.name} again, or move it out of the folder",
        )


@dataclass(frozen=True, slots=True)
class Member:
    """A file, folder or link in an archive."""

    name: str  # path in the archive, `/` separated, without `..`
    open: Callable[[], IO[bytes]] | None = None  # opens a file; read it before the next member is requested
    target: str | None = None  # path in the archive that a link points to


class Listed(NamedTuple):
    """A file in the directory of a zip."""

    name: str  # path, `/` separated
    size: int  # bytes
    checksum: int  # CRC-32 of its content, checked while unpacking
    attributes: int  # Unix mode: file, folder or link


def stem(name: str) -> str:
    """Name of an archive without its suffix: `train` for `train.tar.gz`."""
    lower = name.lower()
    suffix = max((suffix for suffix in (*ZIP, *TAR) if lower.endswith(suffix)), key=len, default="")
    return name[: len(name) - len(suffix)]


def is_known(name: str) -> bool:
    """Whether a file of this name is a zip or tar archive."""
    return bool(stem(name)) and name.lower().endswith((*ZIP, *TAR))


@contextmanager
def opened(archive: Archive) -> Iterator[tuple[Iterator[Member], int]]:
    """Open an archive for one pass over its members.

    Yields:
        The members in order, and the total size that the archive declares, bytes (0 for a tar).

    Raises:
        ArchiveError: the archive is damaged, encrypted, in an unsupported format, or has an unsafe member;
            also while members are read in the block.
    """
    with _named_damage(archive):
        if archive.file.name.lower().endswith(ZIP):
            with zipfile.ZipFile(archive.file) as packed:
                infos = packed.infolist()
                members = (_zip_member(archive, packed, info) for info in infos)
                yield members, sum(info.file_size for info in infos)
        else:
            with tarfile.open(
                archive.file, tarinfo=_Header, encoding="utf-8", errors="surrogateescape"
            ) as file:
                yield _tar_members(archive, file), 0


@contextmanager
def _named_damage(archive: Archive) -> Iterator[None]:
    """Turn errors of the standard library about damage into errors that name the archive."""
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
        raise archive.damage(error) from None  # from gzip and bz2, for a wrong format


def listed(archive: Archive) -> list[Listed] | None:
    """List the files of a zip from its directory; None for a tar, which has no directory.

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
    """A name in a zip as text: many tools write UTF-8 without setting the flag; else it is CP437."""
    return info.filename if info.flag_bits & UTF8_NAME else _text(info.filename.encode("cp437"))


class _Header(tarfile.TarInfo):
    """A tar header; raises an error if damaged or missing, where tarfile would assume the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf == bytes(tarfile.BLOCKSIZE):  # zeros end a tar
                raise
            raise tarfile.ReadError(str(error)) from None


def _tar_members(archive: Archive, file: tarfile.TarFile) -> Iterator[Member]:
    while (info := file.next()) is not None:
        file.members.clear()  # type: ignore[attr-defined]  # keeps memory flat
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
        pass  # read to the end, where the checksum of the compressed data is compared


def _extracted(file: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = file.extractfile(info)
    assert content is not None, "a regular file has content"
    return content


def _inside(archive: Archive, name: str) -> str:
    """A member's path without `.` and `//`; refused if absolute, with `..` or a drive, or too long."""
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or ".." in parts or DRIVE.match(name):
        raise archive.refusal(f"holds {name!r}, which would lie outside the folder it is unpacked to")
    if len(parts) > FOLDER_LIMIT or any(len(os.fsencode(part)) > NAME_LIMIT_BYTES for part in parts):
        raise archive.refusal(f"holds {name!r:.100}, a path that is too long")
    return "/".join(part for part in parts if part not in ("", "."))


def _beside(archive: Archive, name: str, target: str) -> str:
    """The path in the archive that a symbolic link points to; refused if outside."""
    reached = posixpath.normpath(posixpath.join(posixpath.dirname(name), target.replace("\\", "/")))
    if reached.startswith(("/", "../")) or reached == ".." or DRIVE.match(target):
        raise archive.refusal(f"holds a link, {name!r}, that points outside the archive: {target!r}")
    return reached


def _special(archive: Archive, name: str) -> ArchiveError:
    return archive.refusal(f"holds {name!r}, which is neither a file, a folder nor a link")


def _unescaped(name: str) -> str:
    """A name of a tar as text; bytes that are not UTF-8 were escaped when it was read."""
    return _text(name.encode("utf-8", "surrogateescape"))


def _text(name: bytes) -> str:
    """Decode a name as UTF-8, else as CP437, which has a character for every byte."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")
