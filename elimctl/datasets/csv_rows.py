"""CSV files as datasets ship them: columns found by name, records read one at a time."""

import csv
import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from elimctl.errors import DataError, LayoutError, MissingError

# A longer field is the rest of a file after a quote that is never closed.
MAX_FIELD_CHARACTERS = 1 << 24
DELIMITERS = ",;\t"  # the first that occurs in the first line counts


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file that is open for reading, once.

    Args:
        file: where it is.
        columns: names of the columns, as `column_name` writes them.
        records: fields of each record below the header; blank records are left out.
    """

    file: Path
    columns: tuple[str, ...]
    records: Iterator[list[str]]

    def select(self, *names: str) -> Iterator[tuple[str, ...]]:
        """The named columns of each record, without blanks around the values.

        Args:
            names: of the columns wanted. One that the file does not have, or that a record is too short
                for, is empty.
        """
        places = [self.columns.index(name) if name in self.columns else None for name in names]
        longest = max((place for place in places if place is not None), default=-1)
        for record in self.records:
            if len(record) <= longest:
                record.extend([""] * (longest + 1 - len(record)))
            yield tuple([record[place].strip() if place is not None else "" for place in places])


def open_table(file: Path, known: Collection[str], *, headless: Sequence[str] | None = None) -> Table:
    """Open a CSV file and find its columns by name.

    The text is UTF-8 with or without a byte order mark; bytes that are not UTF-8 come out as `os.fsdecode`
    gives them, so that they still name a file. Values are separated by commas, or by semicolons or tabs
    where the first line has no comma.

    Args:
        file: the CSV file.
        known: names that a header may have, as `column_name` writes them. The first record is the header
            if any of its fields is one of them.
        headless: names of the columns of a file without a header, in order, of which it may have the first
            ones only; None if it must have a header. Where there are any, the first record must hold a
            number: else it is a header of other names.

    Raises:
        MissingError: there is no such file, or it cannot be read.
        LayoutError: it has no header and needs one, is empty, or is UTF-16.
        DataError: a record is broken; the message gives the line. This may come while reading.
    """
    records = _records(file)
    first = next(records, None)
    if first is None:
        raise LayoutError(f"{file} is empty", hint="copy the file again from its source")
    header = tuple(map(column_name, first))
    if not set(header).isdisjoint(known):
        return Table(file, header, records)
    if headless is None or (headless and not any(map(_is_number, first))):
        raise LayoutError(
            f"{file} has no header with any of {', '.join(sorted(known))}; its first line is {first!a:.200}",
            hint="name the columns in the first line",
        )
    return Table(file, tuple(headless)[: len(first)], chain([first], records))


def column_name(text: str) -> str:
    """Name of a column, whatever its case, with or without a `#` before it and blanks around it."""
    return text.strip().removeprefix("#").strip().lower()


def inside(text: str) -> str | None:
    """The path below a root that a list of files names.

    Args:
        text: a relative path; a backslash separates like a slash.

    Returns:
        The path with `/` between its parts and neither `.` nor `..` among them; None if it is absolute or
        climbs out of the root, names the root itself, or no file can have it.
    """
    path = posixpath.normpath(text.replace("\\", "/"))
    drive = path[1:2] == ":"  # of Windows: `C:\x` is absolute, and `C:x` below the folder where one is there
    leaves = drive or path.startswith(("/", "../")) or path in ("", ".", "..")
    return None if leaves or "\0" in path else path


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _records(file: Path) -> Iterator[list[str]]:
    """All records that are not blank, the header too."""
    csv.field_size_limit(MAX_FIELD_CHARACTERS)  # of the process; Python's own refuses fields of 131,072
    try:
        stream = file.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise MissingError(f"cannot read {file}: {error.strerror}", hint="check the path") from None
    with stream:
        line = stream.readline()
        if re.match("\udcff\udcfe|\udcfe\udcff", line):
            raise LayoutError(f"{file} is UTF-16, wanted UTF-8", hint="save it as UTF-8")
        delimiter = next((mark for mark in DELIMITERS if mark in line), ",")
        reader = csv.reader(chain([line], stream), delimiter=delimiter)
        try:
            for record in reader:
                if any(map(str.strip, record)) or record == [""]:  # a quoted nothing is a missing value
                    yield record
        except csv.Error as error:
            raise DataError(
                f"{file}, line {reader.line_num}: {error}", hint="look for a quote that is never closed"
            ) from None
