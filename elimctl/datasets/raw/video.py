"""Read native frames of videos by number, without resampling in time.

Frame k is the k-th frame that a player shows, counted from 0. Some containers store when each frame is shown:
the number then comes from that time, so a damaged frame does not shift others, and decoding may start at a
key frame. In other containers frames are counted while the file is decoded from its start. In a truncated
file the last few frames may get numbers that are too low.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from elimctl.datasets.raw.display_matrix import MatrixError, matrix_of, shown
from elimctl.datasets.raw.video_stream import is_cover, is_hidden, moving, packets_of
from elimctl.errors import DataError

SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".wmv", ".flv", ".mpg", ".mpeg", ".ts")
# Containers that are accepted, whatever the file's name: FFmpeg also reads playlists, subtitles and texts.
FORMATS = "mov,avi,matroska,asf,flv,mpeg,mpegts,ogg,mp3"
TIMED = ("mov", "matroska")  # store when each frame is shown, and where the key frames are
# Codecs in AVI whose frames depend on no later frame (MPEG-4 part 2 marks the exceptions in its header).
ORDERED_CODECS = ("mjpeg", "mpeg4", "rawvideo")
NO_STREAM = "no video stream"
MAX_PIXELS = 100_000_000  # per frame; the limit for images is the same


class VideoError(DataError):
    """A video cannot be read; `detail` is the cause without the path."""

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message, hint="copy the file again from its source")
        self.detail = detail

    def reason(self, where: str = "") -> str:
        """Drop reason for rows of the video; `where` is its path if the row's own path differs."""
        kind, detail = (NO_STREAM, "") if self.detail == NO_STREAM else ("unreadable video", self.detail)
        return ": ".join(part for part in (kind, where, detail) if part)


@dataclass(frozen=True, slots=True)
class _Timeline:
    """Frames of a video according to its packets, in the order of display."""

    count: int
    times: np.ndarray  # when each frame is shown, ascending, in the stream's unit; empty if unknown
    keys: list[int]  # numbers of the key frames, ascending; empty if `times` is
    seconds: np.ndarray  # when each frame is shown, s from the first; empty without times and rate

    def number(self, time: int | None) -> int | None:
        """Number of the frame shown at a time, None if there is none."""
        if time is None:
            return None
        at = int(np.searchsorted(self.times, time))
        return at if at < len(self.times) and self.times[at] == time else None


_Numbered = tuple[int, VideoFrame | None]


def count_frames(path: Path) -> int:
    """Count the native frames from the container's packets, without decoding.

    Args:
        path: a video.

    Raises:
        VideoError: the file cannot be opened, is not a video, or holds no frame.
    """
    return _count(path, *_state(path))


def frame_times(path: Path) -> np.ndarray:
    """Return the display time of each native frame.

    Args:
        path: a video.

    Returns:
        (N,) float64, seconds from the first frame, ascending: the times in the container's packets, else
        computed from the mean frame rate.

    Raises:
        VideoError: the file cannot be opened, is not a video, holds no frame, or stores neither times
            nor a rate.
    """
    seconds = _timeline(path).seconds
    if not len(seconds):
        raise _error(path, "it stores neither frame times nor a frame rate")
    return seconds


def frames(path: Path, numbers: Sequence[int]) -> Iterator[tuple[int, np.ndarray | None]]:
    """Decode frames of a video by number; one frame is held in memory at a time.

    Args:
        path: a video.
        numbers: ascending frame numbers from 0, in the order of display.

    Yields:
        Each number with its frame, (H, W, 3) uint8 RGB, rotated and mirrored as players show it. The frame is
        None if it cannot be decoded or lies beyond the end. The pixels do not depend on the other numbers.

    Raises:
        VideoError: the file cannot be opened, is not a video, or holds no frame; or its display matrix
            stretches or distorts frames, or rotates them by other than multiples of 90 degrees.
    """
    timeline = _timeline(path)
    for run in _runs(numbers, timeline.keys):
        shown = _shown(path, timeline, first=run[0])
        at, frame, matrix = -1, None, None
        for number in run:
            while at < number:
                at, frame = next(shown, (timeline.count + number, None))
                matrix = matrix if frame is None else matrix_of(frame, matrix)
            yield number, None if frame is None or at != number else _pixels(path, frame, matrix)


def _error(path: Path, detail: str) -> VideoError:
    return VideoError(f"unreadable video {path}: {detail}", detail=detail)


def _timeline(path: Path) -> _Timeline:
    """The timeline of a video, cached for the last few files."""
    return _scan(path, *_state(path))


def _state(path: Path) -> tuple[int, ...]:
    """Size, times and inode, which change when the file does."""
    try:
        status = path.stat()
    except OSError as error:
        raise _error(path, f"cannot be opened: {error.strerror}") from None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


@lru_cache(maxsize=4096)  # readers and the check of labels against videos both need it
def _count(path: Path, *state: int) -> int:
    return _scan(path, *state).count


@lru_cache(maxsize=8)
def _scan(path: Path, *state: int) -> _Timeline:  # noqa: ARG001  (it is part of the key)
    """Read the timeline of a video from its packets."""
    with _open(path) as (container, stream):
        packets = [
            (packet.pts, packet.dts, packet.is_keyframe)
            for packet in packets_of(container, stream)
            if not is_hidden(packet, stream)
        ]
        timed = any(name in TIMED for name in container.format.name.split(","))
        timed |= stream.codec_context.name in ORDERED_CODECS and all(pts == dts for pts, dts, _ in packets)
        unit, rate = stream.time_base, stream.average_rate
        if is_cover(container, stream, packets=len(packets)):
            raise _error(path, NO_STREAM)
    if not packets:
        raise _error(path, "it holds no frame")
    count = len(packets)
    times = [pts for pts, _, _ in packets if pts is not None]
    shown = np.sort(np.array(times, np.int64))
    known = len(set(times)) == count
    seconds = _seconds(shown - shown[0], unit) if known else _seconds(np.arange(count), rate and 1 / rate)
    if not timed or not known:
        return _Timeline(count, np.empty(0, np.int64), [], seconds)
    keys = sorted(pts for pts, _, is_key in packets if is_key and pts is not None)
    return _Timeline(count, shown, np.searchsorted(shown, keys).tolist(), seconds)


def _seconds(ticks: np.ndarray, unit: Fraction | None) -> np.ndarray:
    """Ticks of a time unit as seconds, correctly rounded; empty without a unit."""
    return ticks * unit.numerator / unit.denominator if unit else np.empty(0)


def _runs(numbers: Iterable[int], keys: Sequence[int]) -> Iterator[list[int]]:
    """Group numbers into runs; between two runs, decoding can skip ahead to a key frame."""
    run: list[int] = []
    for number in numbers:
        if run and _key_before(keys, number) > run[-1] + 1:
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def _key_before(keys: Sequence[int], number: int) -> int:
    """The last key frame up to a frame, 0 if there is none."""
    at = bisect_right(keys, number)
    return keys[at - 1] if at else 0


def _shown(path: Path, timeline: _Timeline, *, first: int) -> Iterator[_Numbered]:
    """Frames in the order of display with their numbers, starting at `first` or earlier."""
    key = _key_before(timeline.keys, first)
    decoded = _from_key(path, timeline, key) if key > 0 else iter(())
    head = next(decoded, None)
    if head is not None:
        yield head
        yield from decoded
    else:
        with _open(path) as (container, stream):
            yield from _number(_frames(packets_of(container, stream), stream), timeline)


def _from_key(path: Path, timeline: _Timeline, key: int) -> Iterator[_Numbered]:
    """Frames starting at a key frame or earlier; nothing if decoding cannot start there.

    Some containers seek to the wrong place. With intra refresh, frames are correct only some time after the
    marked key frame.
    """
    with _open(path) as (container, stream):
        packets = packets_of(container, stream)
        try:
            container.seek(int(timeline.times[key]), stream=stream)
        except av.FFmpegError:
            return
        head = next(packets, None)
        start = None if head is None else timeline.number(head.pts)
        if head is None or start is None or start > key:
            return
        decoded = _number(_frames(chain([head], packets), stream), timeline)
        first = next(decoded, None)
        if first is not None and first[0] == start:
            yield first
            yield from decoded


def _number(decoded: Iterable[VideoFrame | None], timeline: _Timeline) -> Iterator[_Numbered]:
    """Number decoded frames by their times, or by counting if times are unknown."""
    for count, frame in enumerate(decoded):
        if not len(timeline.times):
            yield count, frame
        elif frame is not None and (number := timeline.number(frame.pts)) is not None:
            yield number, frame


def _frames(packets: Iterable[Packet], stream: VideoStream) -> Iterator[VideoFrame | None]:
    """Decode packets; None for a damaged one and for all that follow up to the next key frame.

    Frames after a lost one encode their difference from it; decoders would show wrong pixels.
    """
    lost = False
    for packet in chain(packets, [None]):  # None flushes frames that the decoder holds back
        try:
            decoded = None if packet is not None and packet.is_corrupt else stream.decode(packet)
        except av.FFmpegError:
            decoded = None
        if decoded is None:
            lost = True
            if packet is not None:
                yield None
            continue
        for frame in decoded:
            lost = frame.is_corrupt or (lost and not frame.key_frame)
            yield None if lost else frame


@contextmanager
def _open(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video and select the stream that players show."""
    try:
        # Without `ignore`, a title that is not UTF-8 raises an error.
        container = av.open(str(path), options={"format_whitelist": FORMATS}, metadata_errors="ignore")
    except av.FFmpegError as error:
        raise _error(path, str(error.strerror)) from None
    with container:
        stream = moving(container)
        if stream is None:
            raise _error(path, NO_STREAM)
        if stream.codec_context is None:
            raise _error(path, "it has no video stream that can be decoded")
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        stream.codec_context.thread_count = 1  # workers are processes, one thread each
        yield container, stream


def _pixels(path: Path, frame: VideoFrame, matrix: np.ndarray | None) -> np.ndarray:
    """Pixels as players show them: some cameras store frames rotated or mirrored."""
    image = frame.to_ndarray(format="rgb24")
    try:
        return image if matrix is None else shown(image, matrix)
    except MatrixError as error:
        raise _error(path, str(error)) from None
