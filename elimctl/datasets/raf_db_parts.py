"""Tell the parts of RAF-DB apart: only the basic one has seven classes, but file names are the same.

The compound part has eleven classes, 1 to 11 (1 happily surprised, ..., 11 disgustedly surprised), in a list
of the same name. Its `train` numbers have four digits, those of the basic part five. Lists of RAF-ML hold a
distribution, those of RAF-AU action units.
"""

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from elimctl.errors import LayoutError, Notice

COMPOUND = "compound"
# Part by words in folder names; `None` is the basic part.
NAMED = {
    "basic": None,
    "compound": COMPOUND,
    "raf-ml": "RAF-ML",
    "multi-label": "RAF-ML",
    "raf-au": "RAF-AU",
}
COMPOUND_ONLY = frozenset(range(8, 12))  # classes that the basic part does not have
DISTRIBUTION = 6  # at least this many numbers per image are a distribution over classes
PADDED = re.compile(r"0[0-9]{3}")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


def other_part(folder: Path, root: Path) -> str | None:
    """The part of RAF-DB that a folder belongs to, None for the basic one.

    Args:
        folder: the root, or a folder below it; the innermost name with a part counts.
        root: the raw root.
    """
    for name in (*reversed(folder.relative_to(root).parts), root.resolve().name):
        plain = re.sub(r"[\s_-]+", "-", name.lower())
        told = {part for word, part in NAMED.items() if word in plain}
        if len(told) == 1:
            return told.pop()
    return None


def pass_over(others: Mapping[str, Sequence[Path]], *, alone: bool) -> None:
    """Give a notice about ignored files of other parts.

    Args:
        others: files by part.
        alone: whether there are no other files.

    Raises:
        LayoutError: there are no other files.
    """
    for part, found in others.items():
        if found and alone:
            raise LayoutError(
                f"{found[0]} belongs to RAF-DB's {part} part; elimctl reads only the basic part (7 classes)",
                hint="pass the folder of the basic part, such as RAF-DB/basic",
            )
        if found:
            text = f"{len(found):,} files of RAF-DB's {part} part are not read, such as {found[0]}"
            warnings.warn(text, Notice, stacklevel=2)


def refuse_compound(samples: Iterable[tuple[str, str, str]], *, where: str) -> None:
    """Refuse samples with numbers or classes of the compound part.

    Args:
        samples: `train` or `test`, the number as written, and the class as written or empty.
        where: the file or folder that holds them.

    Raises:
        LayoutError: a class is 8 to 11, or numbers of `train` are padded to four digits.
    """
    widths: set[int] = set()
    for part, number, word in samples:
        if word.isdecimal() and int(word) in COMPOUND_ONLY:
            raise _refusal(where, f"class {int(word)} of {part}_{number}")
        if part.lower() == "train":
            widths.add(len(number))
            if PADDED.fullmatch(number):
                raise _refusal(where, f"train_{number} with four digits")
    if widths == {4}:
        raise _refusal(where, "train numbers of four digits")


def _refusal(where: str, sign: str) -> LayoutError:
    return LayoutError(
        f"{where} belongs to RAF-DB's compound part: it has {sign}; expected the basic part, "
        "with classes 1 to 7 and names such as train_00001",
        hint="pass the folder of the basic part, such as RAF-DB/basic, or correct that list",
    )


def refuse_distribution(fields: list[str], *, where: str) -> None:
    """Refuse a line with a number for each class or action unit instead of one class.

    Args:
        fields: of a line, after the name of the image.
        where: the file.

    Raises:
        LayoutError: there are six numbers or more, or action units joined by `+`.
    """
    numbers = [text for text in fields if NUMBER.fullmatch(text)]
    units = bool(fields) and "+" in fields[0].strip("+")
    if len(numbers) >= DISTRIBUTION or units:
        found = "action units" if units else f"{len(numbers)} numbers"
        raise LayoutError(
            f"{where} gives {found} for an image; expected one class, 1 to 7",
            hint="pass the folder of RAF-DB's basic part",
        )
