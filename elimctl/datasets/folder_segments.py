"""Frames that a line of a user's own CSV labels: a whole video, or a segment.

A segment holds the frames shown at start <= time < end, in seconds from the first frame. The time is the
one that the file stores for the frame, so variable frame rates work.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from elimctl.datasets.folder_columns import TIMES
from elimctl.datasets.folder_record import FieldError
from elimctl.datasets.raw import video
from elimctl.datasets.raw.csv_rows import number_of
from elimctl.manifest.row import Row

Segment = tuple[float, float]  # start and end, seconds

CLOCK = re.compile(r"(?:([0-9]+):)?([0-9]+):([0-9]{1,2}(?:[.,][0-9]*)?)")  # [hours:]minutes:seconds
# A segment may end this much after the video, seconds: sound is often longer, and ends are rounded. A larger
# difference means another video or unit.
TOLERATED_S = 1.0


def labelled_frames(
    row: Row, times: Mapping[str, str], file: Path, *, base: int, own_clip: bool
) -> Iterator[Row]:
    """Yield the rows of a line that names a video without a frame.

    Args:
        row: the row of the line.
        times: its fields of `TIMES` as written; if all are empty, it labels the whole video.
        file: the video.
        base: number of the first frame.
        own_clip: whether the line names its clip; else a segment is a clip.

    Yields:
        A row per native frame that the line labels, or one row with a drop reason.
    """
    try:
        segment = parse_segment(times)
        if segment is None:
            numbers = range(video.count_frames(file))
        else:
            numbers = _within(segment, video.frame_times(file))
            clip = row.clip if own_clip else f"{row.clip} {segment[0]:09.3f}-{segment[1]:09.3f}"
            row = replace(row, clip=clip)
    except FieldError as error:
        yield replace(row, reason=str(error))
        return
    except video.VideoError as error:
        yield replace(row, reason=error.reason())
        return
    for number in numbers:
        yield replace(row, frame=number + base, video_frame=number)


def parse_segment(times: Mapping[str, str]) -> Segment | None:
    """Parse the segment of a line; None for the whole video.

    Args:
        times: fields by column, as written.

    Raises:
        FieldError: there is no start, or no later end.
    """
    given = {name: text for name, text in times.items() if text}
    other = next((name for name in given if name not in TIMES), None)
    if other:
        raise FieldError(
            f"no segment: column {other} is not in seconds, expected columns start and end in seconds"
        )
    if not given.keys() & {"start", "end"}:
        return None
    if "start" not in given or not given.keys() & {"end", "duration"}:
        raise FieldError(f"no segment: {'end' if 'start' in given else 'start'} is missing")
    start = _seconds("start", given["start"])
    end = _seconds("end", given["end"]) if "end" in given else start + _seconds("duration", given["duration"])
    if not start < end:
        raise FieldError(f"segment is empty: {start:g} to {end:g} s")
    return start, end


def _seconds(name: str, text: str) -> float:
    """Parse a time: seconds, or `hours:minutes:seconds`."""
    if match := CLOCK.fullmatch(text):
        hours, minutes, seconds = int(match[1] or 0), int(match[2]), float(match[3].replace(",", "."))
        value = 3600 * hours + 60 * minutes + seconds
        if seconds >= 60 or (match[1] and minutes >= 60):
            raise FieldError(f"invalid segment: {name} is {text!r:.40}, expected seconds or hh:mm:ss")
    else:
        found = number_of(text)
        if found is None or not math.isfinite(found):
            raise FieldError(f"invalid segment: {name} is {text!r:.40}, expected seconds or hh:mm:ss")
        value = found
    if value < 0:
        raise FieldError(f"segment out of range: {name} is {text:.40}, expected 0 or more")
    return value


def _within(segment: Segment, shown: np.ndarray) -> range:
    """Numbers of the frames in a segment."""
    start, end = segment
    stop = (
        float(shown[-1]) * len(shown) / max(len(shown) - 1, 1)
    )  # the last frame lasts as long as the mean of the others
    if end > stop + TOLERATED_S:
        raise FieldError(f"segment out of range: {start:g} to {end:g} s, the video ends at {stop:.6g} s")
    first, after = np.searchsorted(shown, segment).tolist()
    if first == after:
        raise FieldError(
            f"no frame: the video shows none from {start:g} to {end:g} s, it ends at {stop:.6g} s"
        )
    return range(first, after)
