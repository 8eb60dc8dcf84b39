"""Splits that a user's CSV file gives, in the place of the dataset's own."""

import hashlib
import sqlite3
import warnings
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from elimctl.datasets.raw import csv_rows
from elimctl.errors import DataError, LayoutError, Notice
from elimctl.manifest import splits
from elimctl.manifest.names import canonical, caseless, tidy, to_bytes, to_text
from elimctl.manifest.row import Row

BATCH = 1000  # records written together
SCHEMA = """
CREATE TABLE splits (name BLOB PRIMARY KEY, folded BLOB, split TEXT, matched INTEGER DEFAULT 0) WITHOUT ROWID;
CREATE INDEX splits_folded ON splits (folded);
"""
# What a record may name, and the name that a row has for it; of several columns the first counts.
KEYS: dict[str, Callable[[Row], str]] = {
    "path": lambda row: row.path,
    "clip": lambda row: row.clip,
    "identity": lambda row: row.identity,
}


class OwnSplits:
    """The splits of a CSV file: columns `split` and one of `path`, `clip`, `identity`.

    Memory does not grow with the file. Rows that it does not name are in no split. Paths are those of the
    manifest; they may be written as on Windows, with `./` before them, or in another case. Names are compared
    in one spelling, see `names.canonical`.

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
        self._splits = sqlite3.connect("")  # a database in a temporary file, gone when it is closed
        self._splits.executescript(SCHEMA)
        named = ((self._name(text), _split(word, file)) for text, word in table.select(found[0], "split"))
        while batch := list(islice(named, BATCH)):
            self._add(batch, file)

    def __call__(self, rows: Sequence[Row]) -> list[str | None]:
        """The split of each row, None for a row that is in none."""
        found = [self._find(self._name(KEYS[self._column](row))) for row in rows]
        self._splits.executemany(
            "UPDATE splits SET matched = 1 WHERE name = ?", [entry[:1] for entry in found if entry]
        )
        return [entry[1] if entry else None for entry in found]

    def close(self) -> None:
        """Remove the temporary file."""
        self._splits.close()

    def check(self) -> None:
        """Make sure, when all rows were asked for, that the names fit.

        Raises:
            DataError: no row was named; without a split in the manifest, training would deal its own folds.
        """
        total, unmatched = self._splits.execute("SELECT count(*), sum(NOT matched) FROM splits").fetchone()
        if unmatched == total:
            raise DataError(
                f"{self._file} names no {self._column} that was found",
                hint=f"write each {self._column} as elimctl data export-csv does, or name another column",
            )

        if unmatched:
            warnings.warn(
                f"{self._file}: {unmatched:,} of {total:,} names in column {self._column} were not found",
                Notice,
                stacklevel=2,
            )

    def _name(self, text: str) -> bytes:
        """What a name is compared by."""
        if self._column != "path":
            return to_bytes(tidy(text))
        return to_bytes(csv_rows.inside(text) or text)

    def _find(self, name: bytes) -> tuple[bytes, str] | None:
        """The record of a name: of the same bytes, else the only one in the closest other spelling."""
        exact = self._splits.execute("SELECT name, split FROM splits WHERE name = ?", (name,)).fetchone()
        if exact or self._column != "path":
            return exact
        query = "SELECT name, split FROM splits WHERE folded = ?"
        alike = self._splits.execute(query, (_folded(name),)).fetchall()
        same = [entry for entry in alike if canonical(to_text(entry[0])) == canonical(to_text(name))]
        return (same or alike)[0] if len(same or alike) == 1 else None

    def _add(self, batch: Sequence[tuple[bytes, str]], file: Path) -> None:
        insert = "INSERT OR IGNORE INTO splits (name, folded, split) VALUES (?, ?, ?)"
        self._splits.executemany(insert, [(name, _folded(name), split) for name, split in batch])
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


def _folded(name: bytes) -> bytes:
    """What names have in common that differ in the case of letters only."""
    return to_bytes(caseless(to_text(name)))


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
