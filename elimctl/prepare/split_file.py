"""Splits from a user's CSV file, instead of the dataset's own splits."""

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
# Columns that may name rows, and the value of a row for each; the first column in the file counts.
KEYS: dict[str, Callable[[Row], str]] = {
    "path": lambda row: row.path,
    "clip": lambda row: row.clip,
    "identity": lambda row: row.identity,
}


class SplitFile:
    """The splits of a CSV file: columns `split` and one of `path`, `clip`, `identity`.

    Splits are train, val and test, or synonyms. Rows that the file does not name have no split. Paths are
    those of the manifest; Windows separators, a leading `./` and another case are accepted. See
    `names.canonical` for the comparison of spellings. Memory does not grow with the file.

    Raises:
        MissingError: the file cannot be read.
        LayoutError: a column is missing.
        DataError: a split has another name, or a name has two splits.
    """

    def __init__(self, file: Path) -> None:
        table = csv_rows.open_table(file, {"split"})
        columns = [name for name in KEYS if name in table.columns]
        if not columns:
            raise LayoutError(
                f"{file} has the columns {', '.join(table.columns)}; "
                f"wanted split and one of {', '.join(KEYS)}",
                hint=f"add one of the columns {', '.join(KEYS)}",
            )
        self._file = file
        self._column = columns[0]
        self._splits = sqlite3.connect("")  # a temporary file, removed when it is closed
        self._splits.executescript(SCHEMA)
        named = ((self._name(text), _split(word, file)) for text, word in table.select(columns[0], "split"))
        while batch := list(islice(named, BATCH)):
            self._add(batch, file)

    def __call__(self, rows: Sequence[Row]) -> list[str | None]:
        """Return the split of each row, None for a row without one."""
        entries = [self._find(self._name(KEYS[self._column](row))) for row in rows]
        self._splits.executemany(
            "UPDATE splits SET matched = 1 WHERE name = ?", [entry[:1] for entry in entries if entry]
        )
        return [entry[1] if entry else None for entry in entries]

    def close(self) -> None:
        """Remove the temporary file."""
        self._splits.close()

    def check(self) -> None:
        """Check, after all rows were looked up, that names matched; give a notice about the others.

        Raises:
            DataError: no name matched a row.
        """
        total, unmatched = self._splits.execute("SELECT count(*), sum(NOT matched) FROM splits").fetchone()
        if unmatched == total:
            raise DataError(
                f"{self._file} names no {self._column} that was found",
                hint=f"write each {self._column} as in the output of elimctl data export-csv",
            )
        if unmatched:
            warnings.warn(
                f"{self._file}: {unmatched:,} of {total:,} names in column {self._column} were not found",
                Notice,
                stacklevel=2,
            )

    def _name(self, text: str) -> bytes:
        """Return the form in which a name is compared."""
        if self._column != "path":
            return to_bytes(tidy(text))
        return to_bytes(csv_rows.inside(text) or text)

    def _find(self, name: bytes) -> tuple[bytes, str] | None:
        """Find the record with the same bytes, or else the only one in the closest other spelling."""
        exact = self._splits.execute("SELECT name, split FROM splits WHERE name = ?", (name,)).fetchone()
        if exact or self._column != "path":
            return exact
        query = "SELECT name, split FROM splits WHERE folded = ?"
        similar = self._splits.execute(query, (_folded(name),)).fetchall()
        same = [entry for entry in similar if canonical(to_text(entry[0])) == canonical(to_text(name))]
        return (same or similar)[0] if len(same or similar) == 1 else None

    def _add(self, batch: Sequence[tuple[bytes, str]], file: Path) -> None:
        insert = "INSERT OR IGNORE INTO splits (name, folded, split) VALUES (?, ?, ?)"
        self._splits.executemany(insert, [(name, _folded(name), split) for name, split in batch])
        for name, split in batch:
            [known] = self._splits.execute("SELECT split FROM splits WHERE name = ?", (name,)).fetchone()
            if known != split:
                raise DataError(
                    f"{file} puts {name.decode(errors='backslashreplace')!r} into {known} and into {split}",
                    hint="keep one of these lines",
                )


def files_of(name: str) -> list[Path]:
    """Split a setting at its commas into files; a file whose name has commas counts as one."""
    whole = Path(name)
    if "," not in name or whole.exists():
        return [whole]
    return [Path(part.strip()) for part in name.split(",") if part.strip()]


def _folded(name: bytes) -> bytes:
    """Return a name without the case of its letters."""
    return to_bytes(caseless(to_text(name)))


def digest(file: Path) -> str:
    """Hash a split file (SHA-256, hexadecimal)."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _split(word: str, file: Path) -> str:
    split = splits.named(word)
    if split is None:
        raise DataError(
            f"{file} names the split {word!r}; wanted {', '.join(splits.NAMES)}",
            hint=f"rename the split to one of {', '.join(splits.NAMES)}",
        )
    return split
