"""CSV files as datasets ship them: columns found by name, records read one at a time."""

import codecs
import csv
import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TextIO

from elimctl.errors import DataError, LayoutError, MissingError

# A longer field means that a quote is not closed.
MAX_FIELD_CHARACTERS = 1 << 24
DELIMITERS = ",;\t|"  # of equally good ones the first is used
SEPARATOR = re.compile(r"\"?sep=(\\t|.)\"?[,;\t|]*", re.IGNORECASE)  # a first line for Excel


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file open for one pass."""

    file: Path
    columns: tuple[str, ...]  # column names normalised by `column_name`
    records: Iterator[list[str]]  # fields of each record below the header, without blank records

    def select(self, *names: str) -> Iterator[tuple[str, ...]]:
        """The named columns of each record, without blanks around the values.

        Args:
            names: names of columns. A missing column or field is empty.
        """
        places = [self.columns.index(name) if name in self.columns else None for name in names]
        longest = max((place for place in places if place is not None), default=-1)
        for record in self.records:
            if len(record) <= longest:
                record.extend([""] * (longest + 1 - len(record)))
            yield tuple([record[place].strip() if place is not None else "" for place in places])


def open_table(file: Path, known: Collection[str], *, headless: Sequence[str] | None = None) -> Table:
    """Open a CSV file and find its columns by name.

    The text is UTF-8 or UTF-16, with or without a byte order mark. Other bytes are decoded like
    `os.fsdecode`, so they still name a file (see `names.canonical`). The delimiter is a comma, semicolon, tab
    or bar: given by a first line `sep=;`, else the one that separates most known names, or most numbers
    without a header.

    Args:
        file: the CSV file.
        known: names that a header may have, as `column_name` writes them. The first record is the header
            if any of its fields is one of them.
        headless: names of the columns of a file without a header, in order; it may have only the first ones.
            None requires a header. If not empty, the first record must hold a number, else it counts as a
            header with other names.

    Raises:
        MissingError: there is no such file, or it cannot be read.
        LayoutError: it has no header and needs one, or is empty.
        DataError: a record is invalid; the message gives the line. This may happen while reading.
    """
    records = _records(file, known, len(headless or ()))
    first = next(records, None)
    if first is None:
        raise LayoutError(f"{file} is empty", hint="copy the file again from its source")
    header = tuple(map(column_name, first))
    if not set(header).isdisjoint(known):
        return Table(file, header, records)
    if headless is None or (headless and not any(number_of(field) is not None for field in first)):
        raise LayoutError(
            f"{file} has no header with any of the columns {', '.join(sorted(known))}; "
            f"its first line is {first!a:.200}",
            hint="name the columns in the first line",
        )
    return Table(file, tuple(headless)[: len(first)], chain([first], records))


def column_name(text: str) -> str:
    """Normalise a column's name: lower case, without `#` and blanks around it."""
    return text.strip().removeprefix("#").strip().lower()


def inside(text: str) -> str | None:
    """Normalise a path below a root.

    Args:
        text: a relative path; a backslash separates like a slash.

    Returns:
        The path with `/` between its parts, without `.` and `..`; None if it is absolute, outside the root,
        the root itself, or impossible.
    """
    path = posixpath.normpath(text.replace("\\", "/"))
    drive = path[1:2] == ":"  # Windows: `C:\x` is absolute, `C:x` relative to the current folder of the drive
    leaves = drive or path.startswith(("/", "../")) or path in ("", ".", "..")
    return None if leaves or "\0" in path else path


def number_of(text: str) -> float | None:
    """Parse a number with a decimal point or comma; None if it is not a number."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return float(text.replace(",", ".", 1)) if "." not in text else None
    except ValueError:
        return None


@contextmanager
def open_text(file: Path) -> Iterator[TextIO]:
    """Open a text file of unknown encoding, keeping its line ends.

    Raises:
        MissingError: there is no such file, or it cannot be read.
    """
    try:
        with file.open("rb") as stream:
            head = stream.read(4)
        encoding = _encoding(head)
        errors = "surrogateescape" if encoding == "utf-8-sig" else "strict"
        lines = file.open(encoding=encoding, errors=errors, newline="")
    except OSError as error:
        raise MissingError(f"cannot read {file}: {error.strerror}", hint="check the path") from None
    with lines:
        yield lines


def _encoding(head: bytes) -> str:
    """Encoding of a text from its first bytes; in UTF-16 one byte of an English letter is 0."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) == 4 and head[0] and head[2] and not (head[1] or head[3]):
        return "utf-16-le"
    if len(head) == 4 and head[1] and head[3] and not (head[0] or head[2]):
        return "utf-16-be"
    return "utf-8-sig"


def _records(file: Path, known: Collection[str], most: int) -> Iterator[list[str]]:
    """All records that are not blank, including the header; `most` is the field count without a header."""
    csv.field_size_limit(MAX_FIELD_CHARACTERS)  # for the whole process; Python's default is 131,072
    line_number = 0
    try:
        with open_text(file) as stream:
            lines = enumerate(stream)
            line_number, line = _first_filled(lines)
            if match := SEPARATOR.fullmatch(line.rstrip("\r\n")):
                delimiter = "\t" if match[1] == "\\t" else match[1]
                line_number, line = _first_filled(lines)
            else:
                delimiter = _delimiter(line, known, most)
            reader = csv.reader(chain([line], stream), delimiter=delimiter)
            for record in reader:
                if any(map(str.strip, record)) or record == [""]:  # a quoted empty field is a missing value
                    yield record
    except csv.Error as error:
        raise DataError(
            f"{file}, line {reader.line_num + line_number}: {error}",
            hint="check for a quote that is not closed",
        ) from None
    except UnicodeDecodeError:
        raise DataError(f"{file} is not valid UTF-16", hint="save it as UTF-8") from None


def _first_filled(lines: Iterator[tuple[int, str]]) -> tuple[int, str]:
    """The next line that is not blank, with its number from 0; empty at the end."""
    return next(((number, line) for number, line in lines if line.strip()), (0, ""))


def _delimiter(line: str, known: Collection[str], most: int) -> str:
    """The delimiter of a file, from its first line."""

    def fits(mark: str) -> tuple[int, int]:
        fields = next(csv.reader([line], delimiter=mark), [])
        numbers = sum(number_of(field) is not None for field in fields)
        return len({column_name(field) for field in fields} & set(known)), numbers * (len(fields) <= most)

    if not any(map(any, map(fits, DELIMITERS))):
        return next((mark for mark in DELIMITERS if mark in line), DELIMITERS[0])
    return max(DELIMITERS, key=fits)
