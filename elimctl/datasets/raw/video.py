"""Frames of videos by number: every native frame, never a re-timed one.

Frame k is the k-th frame a player shows, counted from 0. Containers that store when each frame is shown
give its number from that time, so a damaged frame moves no other and decoding may begin at a key frame.
In other containers frames are counted as they are decoded, from the start of the file. Where a file ends
early, its last few frames may be numbered too low: what should come between them is missing.
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
# What a file may be, whatever its name: else FFmpeg reads a playlist, a subtitle or a text as a video.
FORMATS = "mov,avi,matroska,asf,flv,mpeg,mpegts,ogg,mp3"
TIMED = ("mov", "matroska")  # store when each frame is shown, and where the key frames are
# Of what AVI holds: frames that depend on no later one, or, in MPEG-4 part 2, a header that says so.
ORDERED_CODECS = ("mjpeg", "mpeg4", "rawvideo")
NO_STREAM = "no video stream"
MAX_PIXELS = 100_000_000  # of a frame; as for images


class VideoError(DataError):
    """A file that is not a readable video.

    Args:
        message: what is wrong with which file.
        detail: what is wrong with it, without its path.
    """

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message, hint="copy the file again from its source")
        self.detail = detail

    def reason(self, where: str = "") -> str:
        """Why a row of the video is dropped.

        Args:
            where: path of the video, where the row's own does not tell.
        """
        kind, detail = (NO_STREAM, "") if self.detail == NO_STREAM else ("unreadable video", self.detail)
        return ": ".join(part for part in (kind, where, detail) if part)


@dataclass(frozen=True, slots=True)
class _Timeline:
    """What the packets of a video tell.

    Args:
        count: number of frames.
        times: when each frame is shown, ascending, in the stream's unit; empty where that is not known.
        keys: numbers of the key frames, ascending; empty where `times` is.
        seconds: when each frame is shown, s from the first; empty where neither times nor a rate are known.
    """

    count: int
    times: np.ndarray
    keys: list[int]
    seconds: np.ndarray

    def number(self, time: int | None) -> int | None:
        """Number of the frame shown at a time, None where no frame is."""
        if time is None:
            return None
        at = int(np.searchsorted(self.times, time))
        return at if at < len(self.times) and self.times[at] == time else None


_Numbered = tuple[int, VideoFrame | None]


def count_frames(path: Path) -> int:
    """Number of native frames, as the container's packets tell; nothing is decoded.

    Args:
        path: a video.

    Raises:
        VideoError: the file cannot be opened, is no video, or holds no frame.
    """
    return _count(path, *_state(path))


def frame_times(path: Path) -> np.ndarray:
    """When each native frame is shown.

    Args:
        path: a video.

    Returns:
        (N,) float64, seconds from the first frame, ascending: as the container's packets tell; where they
        do not, by the mean rate.

    Raises:
        VideoError: the file cannot be opened, is no video, holds no frame, or tells no times.
    """
    seconds = _timeline(path).seconds
    if not len(seconds):
        raise _error(path, "it stores neither frame times nor a frame rate")
    return seconds


def fps(path: Path) -> float | None:
    """Mean number of frames a second, None where the container does not tell.

    Args:
        path: a video.

    Raises:
        VideoError: the file cannot be opened or is no video.
    """
    with _open(path) as (_, stream):
        return None if stream.average_rate is None else float(stream.average_rate)


def frames(path: Path, numbers: Sequence[int]) -> Iterator[tuple[int, np.ndarray | None]]:
    """Frames of a video by number.

    Args:
        path: a video.
        numbers: which frames, ascending, from 0, in the order of display.

    Yields:
        Each number with its frame, (H, W, 3) uint8 RGB, turned and mirrored as players show it; None for a
        frame that cannot be decoded, or that lies beyond the end. The same number gives the same pixels
        whatever the other numbers are. One frame is held at a time.

    Raises:
        VideoError: the file cannot be opened, is no video, holds no frame, or is shown turned by less than a
            quarter, stretched or distorted.
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
    """The timeline of a video; that of the files asked for last is kept."""
    return _scan(path, *_state(path))


def _state(path: Path) -> tuple[int, ...]:
    """What differs when a file has changed."""
    try:
        status = path.stat()
    except OSError as error:
        raise _error(path, f"cannot be opened: {error.strerror}") from None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


@lru_cache(maxsize=4096)  # a reader asks, and then what holds labels against videos
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
    """Times in units as seconds, each the nearest number there is to the true one; none without a unit."""
    return ticks * unit.numerator / unit.denominator if unit else np.empty(0)


def _runs(numbers: Iterable[int], keys: Sequence[int]) -> Iterator[list[int]]:
    """Numbers in runs; where one ends, decoding can leap over frames to a key frame."""
    run: list[int] = []
    for number in numbers:
        if run and _key_before(keys, number) > run[-1] + 1:
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def _key_before(keys: Sequence[int], number: int) -> int:
    """The last key frame up to a frame, 0 where there is none."""
    at = bisect_right(keys, number)
    return keys[at - 1] if at else 0


def _shown(path: Path, timeline: _Timeline, *, first: int) -> Iterator[_Numbered]:
    """Frames as they are shown, with their numbers, from `first` or an earlier one on."""
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
    """Frames from a key frame or an earlier one on; none where decoding cannot begin there.

    It cannot where the container is off the mark, and in videos that are refreshed bit by bit: the decoder
    begins at what is marked as a key frame, but what it shows is right only some frames later.
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
    """Give frames their numbers; where times do not tell, they are decoded from the start."""
    for count, frame in enumerate(decoded):
        if not len(timeline.times):
            yield count, frame
        elif frame is not None and (number := timeline.number(frame.pts)) is not None:
            yield number, frame


def _frames(packets: Iterable[Packet], stream: VideoStream) -> Iterator[VideoFrame | None]:
    """Decode packets; None for one that cannot be decoded as a whole, and for what follows up to a key frame.

    What follows is told by its difference from what is lost; decoders go on and show something.
    """
    lost = False
    for packet in chain(packets, [None]):  # at last, what the decoder has held back
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
    """Open a video and the one of its streams that players show."""
    try:
        # Without `ignore`, a title that is not UTF-8 is an error.
        container = av.open(str(path), options={"format_whitelist": FORMATS}, metadata_errors="ignore")
    except av.FFmpegError as error:
        raise _error(path, error.strerror) from None
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
    """A frame as players show it: some cameras store it lying, or mirrored."""
    image = frame.to_ndarray(format="rgb24")
    try:
        return image if matrix is None else shown(image, matrix)
    except MatrixError as error:
        raise _error(path, str(error)) from None
