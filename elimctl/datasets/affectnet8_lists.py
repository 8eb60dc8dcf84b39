"""Read CSV lists that users make of the label files of AffectNet's 8-class release.

    number,exp,val,aro
    0,1,0.78,-0.12

The set of a list comes from a column (`split`, `phase`), its name (`train_set_annotation.csv`) or its folder.
Labels are kept in a temporary database on disk, so memory use is constant.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from elimctl.datasets.raw.csv_rows import open_table
from elimctl.errors import LayoutError
from elimctl.manifest import splits
from elimctl.manifest.row import EXPRESSIONS

COLUMNS = {
    "number": ("number",),
    "exp": ("exp", "expression"),
    "val": ("val", "valence"),
    "aro": ("aro", "arousal"),
}
SPLIT = ("split", "phase", "set", "partition")
NUMBER = re.compile(r"(0|[1-9][0-9]{0,8})(\.0*|\.(jpe?g|png))?", re.IGNORECASE)
ABSENT = "\0"  # not the name of any column
BATCH = 1000  # records per write
CLASSES = EXPRESSIONS[:8]

Labels = tuple[str, str, str]  # expression, valence, arousal, as written


def is_list(file: Path) -> bool:
    """Whether a CSV file has the columns of such a list."""
    try:
        return all(name for key, name in _columns(file).items() if key != "exp")
    except LayoutError:  # it is empty, or has another header
        return False


class Lists:
    """The labels of some lists by set and number.

    Args:
        root: the raw root.
        files: the lists.
        sets: existing sets; if there is only one, it is the default of a list.

    Raises:
        LayoutError: the set of a list is unknown, or its classes are numbered from 1.
    """

    def __init__(self, root: Path, files: Sequence[Path], sets: Sequence[str]) -> None:
        self._database = sqlite3.connect("")  # a private temporary file, deleted with the connection
        self._database.execute(
            "CREATE TABLE labels (split TEXT, number INTEGER, exp TEXT, val TEXT, aro TEXT, again INTEGER, "
            "PRIMARY KEY (split, number)) WITHOUT ROWID"
        )
        try:
            for file in files:
                self._take(file, _said(file, root, sets))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the temporary database."""
        self._database.close()

    def numbers(self, split: str) -> np.ndarray:
        """Numbers of a set that a list has, (n,) int64 ascending."""
        query = "SELECT number FROM labels WHERE split = ? ORDER BY number"
        return np.fromiter((number for [number] in self._database.execute(query, (split,))), np.int64)

    def find(self, split: str, number: int) -> Labels | None:
        """Expression, valence and arousal as written; None if two lines disagree."""
        query = "SELECT exp, val, aro, again FROM labels WHERE split = ? AND number = ?"
        *labels, again = self._database.execute(query, (split, number)).fetchone()
        return None if again else (labels[0], labels[1], labels[2])

    def _take(self, file: Path, said: str | None) -> None:
        """Store the labels of a list; mark numbers whose lines disagree."""
        records = _records(file, said)
        codes: set[str] = set()
        # Repeated lines with equal values are accepted.
        insert = """
            INSERT INTO labels VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET again =
            again OR exp IS NOT excluded.exp OR val IS NOT excluded.val OR aro IS NOT excluded.aro
        """
        while batch := list(islice(records, BATCH)):
            self._database.executemany(insert, batch)
            codes.update(exp for _, _, exp, _, _ in batch)
        _refuse_other_codes(codes, file)


def _records(file: Path, said: str | None) -> Iterator[tuple[str, int, str, str, str]]:
    """Set, number and labels of each line."""
    columns = _columns(file)
    table = open_table(file, _names())
    column = next((name for name in SPLIT if name in table.columns), None)
    names = [name or ABSENT for name in columns.values()]
    for number, exp, val, aro, word in table.select(*names, column or ABSENT):
        match = NUMBER.fullmatch(number)
        split = splits.named_set(word) if column else said
        if match is None:
            raise LayoutError(
                f"{file} has an invalid image number {number!r:.40}; expected a number such as 0 or 0.jpg",
                hint="correct the column of numbers",
            )
        if split is None:
            raise LayoutError(
                f"{file} does not name the set (train, val or test) of number {number}"
                + (f": {column} is {word!r:.40}" if column else ""),
                hint="rename the file train_set.csv or val_set.csv, or add a column split",
            )
        yield split, int(match[1]), exp, val, aro


def _said(file: Path, root: Path, sets: Sequence[str]) -> str | None:
    """The set named by a list's file or folders, else the only set, else None."""
    for text in (file.stem, *reversed(file.parent.relative_to(root).parts)):
        arousal = {"aro", "arousal"} & set(re.split(r"[^a-z]+", text.lower()))
        if said := splits.said_in(
            text, ignore={"val"} if arousal else ()
        ):  # next to `arousal`, `val` means valence
            return said
    return sets[0] if len(sets) == 1 else None


def _columns(file: Path) -> dict[str, str | None]:
    """Name of each column, None if missing."""
    found = open_table(file, _names()).columns
    return {key: next((name for name in names if name in found), None) for key, names in COLUMNS.items()}


def _names() -> set[str]:
    return {name for names in COLUMNS.values() for name in names}


def _refuse_other_codes(codes: Iterable[str], file: Path) -> None:
    """Refuse classes that are not numbered from 0 to 7."""
    numbers = {int(float(code)) for code in codes if re.fullmatch(r"[0-9]+(\.0*)?", code)}
    if numbers and min(numbers) > 0 and max(numbers) == len(CLASSES):
        raise LayoutError(
            f"{file} has the classes {min(numbers)} to {max(numbers)}; expected 0 to 7, from {CLASSES[0]} to "
            f"{CLASSES[-1]}",
            hint="number the classes from 0, as AffectNet does",
        )
