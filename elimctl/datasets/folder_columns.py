"""Find the columns of a user's own CSV by their names."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Self

from pydantic import ConfigDict, model_validator

from elimctl.config import Config
from elimctl.datasets.raw.csv_rows import column_name
from elimctl.errors import LayoutError

# Accepted names of each column, in any case; the first that the file has is used.
NAMES = {
    "path": (
        *("path", "file", "filename", "file_name", "filepath", "file_path", "subdirectory_filepath"),
        *("image", "image_path", "img", "video", "video_path", "name"),
    ),
    "valence": ("valence", "v"),
    "arousal": ("arousal", "a"),
    "identity": (
        "identity",
        "identity_id",
        "subject",
        "subject_id",
        "person",
        "person_id",
        "actor",
        "speaker",
        "id",
    ),
    "clip": ("clip", "clip_id", "sequence", "video_id"),
    "frame": ("frame", "frame_number", "frame_id"),
    "split": ("split", "set", "partition", "subset"),
    "expression": ("expression", "emotion", "label", "class"),
    "age": ("age",),
    # Segment of a video, seconds.
    "start": (
        *("start", "start_time", "start_s", "start_sec", "start_seconds", "time_start", "t_start"),
        *("starttime", "start_time_s", "begin", "begin_time", "onset"),
    ),
    "end": (
        *("end", "end_time", "end_s", "end_sec", "end_seconds", "time_end", "t_end"),
        *("endtime", "end_time_s"),
        *("stop", "stop_time", "offset"),
    ),
    "duration": ("duration", "duration_s", "duration_sec", "duration_seconds"),
}
SECONDS = re.compile(r"\s*[(\[](s|sec|secs|seconds)[)\]]$")  # unit after the name of a time
TIMES = ("start", "end", "duration")
# Segments in other units are not supported; rows with these columns are dropped.
OTHER_TIMES = ("start_frame", "frame_start", "first_frame", "start_ms", "start_msec", "onset_ms")
KNOWN = frozenset(name for names in NAMES.values() for name in names)
NEAR = 0.8  # difflib similarity of a misspelt name
REQUIRED = ("path", "valence", "arousal")
# A box is read if all four columns exist.
CORNERS = (
    ("x0", "y0", "x1", "y1"),
    ("x1", "y1", "x2", "y2"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "right", "bottom"),
)
SIZED = (
    ("x", "y", "w", "h"),
    ("x", "y", "width", "height"),
    ("face_x", "face_y", "face_width", "face_height"),
    ("left", "top", "width", "height"),
)
CORNER_KEYS, SIZED_KEYS = CORNERS[0], SIZED[0]  # names of a box's columns in the configuration
BOX_KEYS = (*CORNER_KEYS, *SIZED_KEYS)


class ColumnNames(Config):
    """Names of columns that differ from `NAMES`; an empty name means that there is no such column.

    A box has either two corners (`x0` to `y1`) or a corner and a size (`x` to `h`).
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    path: str | None = None
    valence: str | None = None
    arousal: str | None = None
    identity: str | None = None
    clip: str | None = None
    frame: str | None = None
    split: str | None = None
    expression: str | None = None
    age: str | None = None
    start: str | None = None
    end: str | None = None
    duration: str | None = None
    x0: str | None = None
    y0: str | None = None
    x1: str | None = None
    y1: str | None = None
    x: str | None = None
    y: str | None = None
    w: str | None = None
    h: str | None = None

    @model_validator(mode="after")
    def _whole_box(self) -> Self:
        there = {key for key in BOX_KEYS if self.given.get(key)}
        if there not in (set(), set(CORNER_KEYS), set(SIZED_KEYS)):
            raise ValueError(
                f"incomplete box columns {', '.join(sorted(there))}; expected x0, y0, x1, y1 or x, y, w, h"
            )
        return self

    @property
    def given(self) -> dict[str, str]:
        """The names that are given, by key."""
        return {key: name for key, name in self if name is not None}


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions of the columns of a CSV."""

    places: dict[str, int]  # position of each column by its key in `NAMES`
    box: tuple[int, ...] | None  # positions of a box's four columns, or None
    sized: bool  # whether they are a corner and a size, not two corners
    count: int  # number of columns in the header
    # positions of the columns of a video segment by key, or of a column in an unsupported unit by name
    times: Mapping[str, int] = field(default_factory=dict)
    # keys and names of configured columns that are missing
    absent: tuple[tuple[str, str], ...] = ()

    @property
    def lacking(self) -> list[str]:
        """Required columns that are missing."""
        absent = dict(self.absent)
        required = [name for name in REQUIRED if name not in self.places and name not in absent]
        return [f"{name} (dataset.columns.{key})" for key, name in self.absent] + required


def find_columns(header: Sequence[str], *, where: str, named: ColumnNames = ColumnNames()) -> Columns:
    """Find the columns of a CSV.

    Args:
        header: names of all columns, as written.
        where: the file, for messages.
        named: configured names, which take precedence; such a column is not used for another purpose.

    Raises:
        LayoutError: a column occurs twice, or the name of a missing column is misspelt.
    """
    given = named.given
    names = [written(name) for name in header]
    free = ["" if name in map(written, given.values()) else name for name in names]
    places, absent = {}, []
    for key, name in given.items():
        if name and written(name) in names:
            places[key] = _place(written(name), names, where=where)
        elif name:
            absent.append((key, name))
    for wanted, known in NAMES.items():
        if wanted not in given and (found := next((name for name in known if name in free), None)):
            places[wanted] = _place(found, free, where=where)
    if all(name in places for name in REQUIRED):  # else it is a different table
        _refuse_misspelt(free, {*places, *given}, where=where)
    box, sized = _box(free, places, any(given.get(key) is not None for key in BOX_KEYS))
    return Columns(
        places={key: place for key, place in places.items() if key in NAMES},
        box=box,
        sized=sized,
        count=len(names),
        times=_times(free, places, given),
        absent=tuple(absent),
    )


def _place(name: str, names: Sequence[str], *, where: str) -> int:
    """Position of a column; refuse a repeated one."""
    if names.count(name) > 1:
        raise LayoutError(f"{where} has {names.count(name)} columns {name!r}", hint="rename all but one")
    return names.index(name)


def _box(names: Sequence[str], places: Mapping[str, int], given: bool) -> tuple[tuple[int, ...] | None, bool]:
    """Places of a box's columns, None where it has none; and whether they are a corner and a size."""
    if given:
        four = next((four for four in (CORNER_KEYS, SIZED_KEYS) if all(key in places for key in four)), None)
        return (None, False) if four is None else (tuple(places[key] for key in four), four == SIZED_KEYS)
    corners, sized = ([four for four in known if set(four) <= set(names)] for known in (CORNERS, SIZED))
    found = next(iter(corners + sized), None)
    return (None, False) if found is None else (tuple(names.index(name) for name in found), not corners)


def _times(names: Sequence[str], places: Mapping[str, int], given: Mapping[str, str]) -> dict[str, int]:
    """Positions of the columns of a segment, else of a column in a unit that is not supported."""
    if {"start", "end"} & {*places, *given}:
        return {key: places[key] for key in TIMES if key in places}
    return {name: names.index(name) for name in OTHER_TIMES if name in names}


def _refuse_misspelt(names: Sequence[str], there: Collection[str], *, where: str) -> None:
    """Refuse names similar to those of missing columns: identities or splits would be lost."""
    missing = [key for key in NAMES if key not in {*there, *TIMES}]  # `state` is not a misspelt `start`
    for name in names:
        near = get_close_matches(name, missing, n=1, cutoff=NEAR)
        if near and name not in KNOWN:
            raise LayoutError(
                f"{where} has an unknown column {name!r}, similar to {near[0]}",
                hint=f"rename it to {near[0]}, or to a less similar name if it is another column",
            )


def written(name: str) -> str:
    """Normalise a column's name: lower case, `_` between words, no `(s)` at the end."""
    return SECONDS.sub("", column_name(name)).replace(" ", "_").replace("-", "_")
