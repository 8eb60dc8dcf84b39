"""Hash the raw files of a unit and decode their images."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby
from pathlib import Path

import numpy as np

from elimctl.datasets.raw import video
from elimctl.errors import DataError, ImageError
from elimctl.faces.image import decode
from elimctl.manifest.row import Row, printable

RECENT = 64  # hashes kept in memory: frames of a unit share their videos


@dataclass(frozen=True, slots=True)
class Source:
    """The raw file of a row."""

    sha256: str | None = None  # SHA-256 of its content, None if it was not read
    reason: str | None = None  # why the row cannot be used, None if it can


def examine(row: Row, root: Path) -> Source:
    """Hash the raw file of a row, unless the row is dropped."""
    if row.reason is not None:
        return Source(reason=printable(row.reason))
    file = root / row.path
    try:
        status = file.stat()
        return Source(_hash(file, status.st_size, status.st_ctime_ns, status.st_ino))
    except OSError as error:
        kind = "video" if _in_video(row) else "image"
        return Source(reason=f"unreadable {kind}: {printable(row.path)}: {error.strerror}")


def images(rows: Sequence[Row], sources: Sequence[Source], root: Path) -> Iterator[np.ndarray | str]:
    """Decode the image of each row, one at a time and in the manifest's order.

    Yields:
        (H, W, 3) uint8 RGB, or the reason why it is missing; frames of one video are decoded in one pass.

    Raises:
        DataError: a file changed after it was hashed.
    """
    pairs = zip(rows, sources, strict=True)
    for (path, in_video), group in groupby(pairs, key=lambda pair: (pair[0].path, _in_video(pair[0]))):
        if in_video:
            yield from _video(list(group), root / path, root)
        else:
            for row, source in group:
                yield source.reason or _image(row, source, root)


def _in_video(row: Row) -> bool:
    return row.video_frame is not None


def _image(row: Row, source: Source, root: Path) -> np.ndarray | str:
    where = printable(row.path)
    try:
        content = (root / row.path).read_bytes()
    except OSError as error:
        return f"unreadable image: {where}: {error.strerror}"
    if hashlib.sha256(content).hexdigest() != source.sha256:
        raise _changed(row)
    try:
        return decode(content, where=where, turn=row.turned)
    except ImageError as error:
        return f"unreadable image: {error.message}"


def _video(pairs: Sequence[tuple[Row, Source]], file: Path, root: Path) -> Iterator[np.ndarray | str]:
    """Decode the frames of consecutive rows of one video; dropped rows are skipped."""
    usable = [(row, source) for row, source in pairs if source.reason is None]
    decoded = chain.from_iterable(_frames(clip, file) for clip in _clips([row for row, _ in usable]))
    for _, source in pairs:
        yield source.reason or next(decoded)
    if any(examine(row, root).sha256 != source.sha256 for row, source in usable):
        raise _changed(usable[0][0])


def _frames(rows: Sequence[Row], file: Path) -> Iterator[np.ndarray | str]:
    where = printable(rows[0].path)
    done = 0
    try:
        for number, frame in video.frames(file, [_number(row) for row in rows]):
            yield f"no such frame: {where} has no readable frame {number}" if frame is None else frame
            done += 1
    except video.VideoError as error:
        for _ in rows[done:]:
            yield error.reason(where)


def _clips(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Split rows of one video where frame numbers do not ascend: where a clip ends."""
    clip: list[Row] = []
    for row in rows:
        if clip and _number(row) <= _number(clip[-1]):
            yield clip
            clip = []
        clip.append(row)
    if clip:
        yield clip


def _number(row: Row) -> int:
    assert row.video_frame is not None, "an image has no frames"
    return row.video_frame


def _changed(row: Row) -> DataError:
    return DataError(f"{printable(row.path)} changed while it was read", hint="run the same command again")


@lru_cache(maxsize=RECENT)
def _hash(file: Path, size: int, ctime_ns: int, inode: int) -> str:  # noqa: ARG001 - part of the cache's key
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
