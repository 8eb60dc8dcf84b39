"""Parse a record of a user's own CSV, or give its drop reason."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from elimctl.datasets import ages
from elimctl.datasets.folder_columns import Columns
from elimctl.datasets.folder_range import LabelRange
from elimctl.datasets.raw.csv_rows import number_of
from elimctl.manifest.names import known
from elimctl.manifest.row import EXPRESSIONS

INTEGER = re.compile(r"([0-9]{1,15})(\.0*)?")  # columns with gaps are often written as `12.0`
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
# Other names of expression classes.
EXPRESSION_WORDS = {
    **{name: name for name in EXPRESSIONS},
    **dict.fromkeys(("happy", "joy"), "happiness"),
    "sad": "sadness",
    "surprised": "surprise",
    **dict.fromkeys(("fearful", "afraid"), "fear"),
    "disgusted": "disgust",
    "angry": "anger",
    "contemptuous": "contempt",
}

Box = tuple[float, float, float, float]


class FieldError(ValueError):
    """A field is invalid; the message is the drop reason."""


@dataclass(frozen=True, slots=True)
class Record:
    """A parsed record; if `reason` is set, the fields after it are missing."""

    path: str  # as written, empty if missing
    identity: str | None  # without blanks, None if missing; `clip` likewise
    clip: str | None
    frame: int | None  # as written, None if missing
    reason: str | None = None  # drop reason, or None
    valence: float | None = None  # in [-1, 1]; `arousal` likewise
    arousal: float | None = None
    split: str | None = None
    expression: str | None = None
    age: float | None = None  # years, None if missing
    box: Box | None = None  # (x0, y0, x1, y1) px
    # start and end of a video segment by column, as written
    times: Mapping[str, str] = field(default_factory=dict)


def parse(fields: Sequence[str], columns: Columns, label_range: LabelRange) -> Record:
    """Read the fields of a record.

    Args:
        fields: fields of the record; missing ones at its end count as empty.
        columns: positions of the columns.
        label_range: lowest and highest label in the CSV, which become -1 and 1.
    """

    def at(place: int | None) -> str:
        return fields[place].strip() if place is not None and place < len(fields) else ""

    def text(name: str) -> str:
        return at(columns.places.get(name))

    path, identity, clip = text("path"), known(text("identity")), known(text("clip"))
    frame = None
    try:
        _refuse_malformed(path, fields, columns)
        frame = _frame(text("frame"))
        return Record(
            path=path,
            identity=identity,
            clip=clip,
            frame=frame,
            valence=_label("valence", text("valence"), label_range.valence),
            arousal=_label("arousal", text("arousal"), label_range.arousal),
            split=_split(text("split")) if "split" in columns.places else None,
            expression=_expression(text("expression")),
            age=ages.parse(text("age")),
            box=_box(fields, columns),
            times={name: at(place) for name, place in columns.times.items()},
        )
    except FieldError as error:
        return Record(path, identity, clip, frame, reason=str(error))


def _refuse_malformed(path: str, fields: Sequence[str], columns: Columns) -> None:
    """Refuse a record without a path, or with more fields than the header."""
    if len(fields) > columns.count and any(map(str.strip, fields[columns.count :])):
        raise FieldError(f"too many fields: {len(fields)}, the header has {columns.count}")
    if not path:
        raise FieldError("no path")


def _label(name: str, text: str, label_range: tuple[float, float]) -> float:
    if not text:
        raise FieldError(f"no label: {name}")
    low, high = label_range
    value = number_of(text)
    if value is None:
        raise FieldError(f"label is not a number: {name} is {text!r:.40}")
    if not low <= value <= high:  # also true of NaN
        raise FieldError(
            f"label out of range: {name} is {text:.40}, expected {low:g} to {high:g} (option label_range)"
        )
    # Exact for [-1, 1] and its integer multiples; clamped, because rounding must not leave the range.
    return min(1.0, max(-1.0, (value - (low + high) / 2) / ((high - low) / 2)))


def _frame(text: str) -> int | None:
    if not text:
        return None
    match = INTEGER.fullmatch(text)
    if not match:
        raise FieldError(f"invalid frame number: {text!r:.40}, expected a whole number from 0")
    return int(match[1])


def _split(text: str) -> str:
    if not text:
        raise FieldError("no split")
    if text.lower() not in SPLITS:
        raise FieldError(f"unknown split: {text!r:.40}, expected train, val or test")
    return SPLITS[text.lower()]


def _expression(text: str) -> str | None:
    """A name of `EXPRESSIONS` if the word means one, else the word; None for -1."""
    return None if number_of(text) == -1 else EXPRESSION_WORDS.get(text.lower()) or known(text)


def _box(fields: Sequence[str], columns: Columns) -> Box | None:
    """The box, None if a number is missing or it has no area."""
    if columns.box is None:
        return None
    texts = [fields[place].strip() if place < len(fields) else "" for place in columns.box]
    if not all(texts):
        return None
    values = [number_of(text) for text in texts]
    x0, y0, x1, y1 = (math.nan if value is None else value for value in values)
    if None in values:
        raise FieldError(f"invalid box: {', '.join(texts)!r:.80}, expected four numbers")
    if columns.sized:
        x1, y1 = x0 + x1, y0 + y1
    return (x0, y0, x1, y1) if x0 < x1 < math.inf and y0 < y1 < math.inf else None
