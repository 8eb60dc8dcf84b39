"""Splits that a user's CSV file gives, in the place of the dataset's own."""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from elimctl.datasets import csv_rows
from elimctl.errors import DataError, LayoutError
from elimctl.manifest import splits
from elimctl.manifest.row import Row

BATCH = 1000  # records written together
# What a record may name, and the name that a row has for it; of several columns the first counts.
KEYS: dict[str, Callable[[Row], str]] = {
    "path": lambda row: row.path,
    "clip": lambda row: row.clip,
    "identity": lambda row: row.identity,
}


class OwnSplits:
    """The splits of a CSV file: columns `split` and one of `path`, `clip`, `identity`.

    Memory does not grow with the file. Rows that it does not name are in no split. Paths are those of the
    manifest; they may be written as on Windows, or with `./` before them.

    Args:
        file: the CSV file; its splits are called train, val and test, or words for these.

    Raises:
        MissingError: it cannot be read.
        LayoutError: it lacks these columns.
        DataError: a split has another name, or something is named twice with different splits.
    """

    def __init__(self, file: Path) -> None:
        table = csv_rows.open_table(file, {"split"})
        found = [name for name in KEYS if name in table.columns]
        if not found:
            raise LayoutError(
                f"{file} has the columns {', '.join(table.columns)}; "
                f"wanted split and one of {', '.join(KEYS)}",
                hint="name what each line puts into a split",
            )
        self._file = file
        self._column = found[0]
        self._matched = False  # whether a row was named
        self._splits = sqlite3.connect("")  # a database in a temporary file, gone when it is closed
        self._splits.execute("CREATE TABLE splits (name BLOB PRIMARY KEY, split TEXT) WITHOUT ROWID")
        named = ((self._name(text), _split(word, file)) for text, word in table.select(found[0], "split"))
        while batch := list(islice(named, BATCH)):
            self._add(batch, file)

    def __call__(self, rows: Sequence[Row]) -> list[str | None]:
        """The split of each row, None for a row that is in none."""
        query = "SELECT split FROM splits WHERE name = ?"
        names = [self._name(KEYS[self._column](row)) for row in rows]
        found = [self._splits.execute(query, (name,)).fetchone() for name in names]
        self._matched |= any(found)
        return [None if entry is None else entry[0] for entry in found]

    def close(self) -> None:
        """Remove the temporary file."""
        self._splits.close()

    def check(self) -> None:
        """Make sure, when all rows were asked for, that the names fit.

        Raises:
            DataError: no row was named; without a split in the manifest, training would deal its own folds.
        """
        if not self._matched:
            raise DataError(
                f"{self._file} names no {self._column} that was found",
                hint=f"write each {self._column} as elimctl data export-csv does, or name another column",
            )

    def _name(self, text: str) -> bytes:
        """What a name is compared by."""
        straight = csv_rows.inside(text) if self._column == "path" else None
        return (straight or text).encode("utf-8", "surrogateescape")

    def _add(self, batch: Sequence[tuple[bytes, str]], file: Path) -> None:
        self._splits.executemany("INSERT OR IGNORE INTO splits VALUES (?, ?)", batch)
        for name, split in batch:
            [known] = self._splits.execute("SELECT split FROM splits WHERE name = ?", (name,)).fetchone()
            if known != split:
                raise DataError(
                    f"{file} puts {name.decode(errors='backslashreplace')!r} into {known} and into {split}",
                    hint="name each once",
                )


def files_of(name: str) -> list[Path]:
    """The files that a setting names: one, or several with commas between them."""
    whole = Path(name)
    if "," not in name or whole.exists():
        return [whole]
    return [Path(part.strip()) for part in name.split(",") if part.strip()]


def digest(file: Path) -> str:
    """SHA-256 of a CSV file of splits, hexadecimal: what a dataset made with it depends on."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _split(word: str, file: Path) -> str:
    """The split that a word means."""
    split = splits.named(word)
    if split is None:
        raise DataError(
            f"{file} names the split {word!r}; wanted {', '.join(splits.NAMES)}", hint="rename that split"
        )
    return split
