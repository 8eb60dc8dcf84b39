"""Read lists of the ABAW multi-task challenge: a line per image with valence, arousal, expression and units.

    MTL_Challenge/{train_set,validation_set}.txt
    image,valence,arousal,expression,AU1,AU2,...
    <trial>/00001.jpg,0.1,-0.2,4,0,1,...

-5 for valence or arousal, and -1 for the others, mean a missing label. Action units are not read.
"""

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from elimctl.datasets.aff_wild2_labels import Label, checked
from elimctl.datasets.aff_wild2_names import Side, Split, base_of
from elimctl.datasets.alignment import TOLERATED
from elimctl.datasets.raw.csv_rows import inside, open_table
from elimctl.errors import LayoutError
from elimctl.manifest.row import OUT_OF_RANGE, Row

COLUMNS = ("image", "valence", "arousal", "expression")
NAMES = ("train_set.txt", "validation_set.txt")  # as shipped
# Codes 0 to 7 of the challenges (Kollias 2022, arXiv 2202.10659, section 3).
EXPRESSIONS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other")
NO_EXPRESSION = -1
IMAGE = re.compile(r"([0-9]{1,9})\.\w+")
HEADER_CHARACTERS = 1000
TRIALS = 64  # trials whose pictures are cached; lines of a trial are adjacent


class Pictures(Protocol):
    """The pictures of a trial, as `aff_wild2` finds them."""

    @property
    def numbers(self) -> Collection[int]:
        """Which there are, from 1."""

    @property
    def missing(self) -> str:
        """Drop reason of a picture that is not among them."""

    @property
    def crops(self) -> Mapping[int, str] | None:
        """Names of the crops by number, None for a video."""

    @property
    def side(self) -> Side | None:
        """Which of two people in the video."""

    def path(self, number: int) -> str:
        """Expected file of a picture."""


def is_list(file: Path) -> bool:
    """Whether the header of a file is that of such a list."""
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as lines:
            header = lines.readline(HEADER_CHARACTERS)
    except OSError:
        return False
    return [name.strip().lower() for name in header.split(",")][: len(COLUMNS)] == list(COLUMNS)


def trials(file: Path) -> Iterator[str]:
    """The trial of each line that names an image."""
    for shipped, *_ in _records(file):
        if place := _place(shipped):
            yield place[0]


def read(
    lists: Mapping[Split, Path],
    pictures_of: Callable[[str], Pictures],
    *,
    by_base: bool,
    hidden: str,
) -> Iterator[Row]:
    """Yield one row per line of the lists.

    Args:
        lists: by split.
        pictures_of: finds the pictures of a trial.
        by_base: whether the parts of one recording are one identity.
        hidden: drop reason of rows of the test set.
    """
    found = lru_cache(TRIALS)(pictures_of)
    for split, file in lists.items():
        for line, (shipped, valence, arousal, code) in enumerate(_records(file), start=2):
            *labels, reason = _valence_arousal(valence, arousal)
            expression, unknown = _expression(code)
            place = _place(shipped)
            if place is None:
                name = f"{file.name}, line {line}"
                why = f"no image: {shipped:.200}, expected <trial>/<number>.jpg"
                yield Row(path=name, identity=name, clip=name, frame=0, split=split, reason=why)
                continue
            trial, number = place
            pictures = found(trial)
            yield Row(
                path=pictures.path(number),
                identity=base_of(trial) if by_base else trial,
                clip=trial,
                frame=number,
                video_frame=number - 1 if pictures.crops is None else None,
                side=pictures.side,
                cropped=pictures.crops is not None,
                valence=None if split == "test" else labels[0],
                arousal=None if split == "test" else labels[1],
                expression=None if split == "test" else expression,
                split=split,
                reason=(hidden if split == "test" else None)
                or reason
                or unknown
                or _missing(number, pictures),
            )


def _missing(number: int, pictures: Pictures) -> str | None:
    """Why a picture is not there, None where it is.

    A number far beyond the end of a video makes all its numbers doubtful.
    """
    if number in pictures.numbers:
        return None
    beyond = number - max(pictures.numbers, default=number)
    if pictures.crops is None and beyond > TOLERATED:
        return f"{OUT_OF_RANGE}: {number}, {pictures.missing}"
    return pictures.missing


def _records(file: Path) -> Iterator[tuple[str, ...]]:
    """Image, valence, arousal and expression of each line, as written."""
    table = open_table(file, COLUMNS)
    lacking = [name for name in COLUMNS if name not in table.columns]
    if lacking:
        raise LayoutError(
            f"{file} has no column {', '.join(lacking)}; its columns are {', '.join(table.columns)}",
            hint="download the list again",
        )
    return table.select(*COLUMNS)


def _place(shipped: str) -> tuple[str, int] | None:
    """The trial and the number in the name of an image, None if it has none."""
    folder, name = posixpath.split(inside(shipped) or "")
    match = IMAGE.fullmatch(name)
    trial = posixpath.basename(folder)
    return (trial, int(match[1])) if match and trial else None


def _valence_arousal(valence: str, arousal: str) -> Label:
    """Labels in [-1, 1], or the drop reason."""
    values = []
    for name, text in (("valence", valence), ("arousal", arousal)):
        try:
            values.append(float(text))
        except ValueError:
            reason = f"label is not a number: {name} is {text!r:.40}" if text else f"no label: {name}"
            return None, None, reason
    return checked(*values)


def _expression(text: str) -> tuple[str | None, str | None]:
    """Name of a class, None if there is none, and the drop reason, if any."""
    if not text:
        return None, None
    try:
        code = float(text)
    except ValueError:
        code = float("nan")
    if code == NO_EXPRESSION:
        return None, None
    if code not in range(len(EXPRESSIONS)):
        wanted = f"expected 0 to {len(EXPRESSIONS) - 1}"
        return None, f"unknown class of expression: {text!r:.40}, {wanted}"
    return EXPRESSIONS[int(code)], None
