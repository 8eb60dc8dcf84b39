"""Apparent ages: age groups, and CSV files with the ages of images."""

import os
import posixpath
import sqlite3
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator

from elimctl.datasets.raw.csv_rows import Table, inside, number_of, open_table
from elimctl.errors import ConfigError, MissingError
from elimctl.manifest.names import canonical, caseless

# Boundaries of the age groups, years: [18, 30), [30, 40), ... [60, 85). Kim & Song 2022, section 4.4; as in
# the published code.
GROUPS = (18, 30, 40, 50, 60, 85)
MAX_AGE = 150.0  # years
NAMES = ("path", "filepath", "subdirectory_filepath", "filename", "file", "name", "image")

Record = TypeVar("Record")


def _ascending(bins: tuple[int, ...]) -> tuple[int, ...]:
    if len(bins) < 2 or list(bins) != sorted(set(bins)) or bins[0] < 0:
        raise ValueError("expected 2 or more ascending ages")
    return bins


Bins = Annotated[tuple[int, ...], AfterValidator(_ascending)]


def group(age: float | None, bins: Sequence[int] = GROUPS) -> str | None:
    """Name of the group of an age.

    Args:
        age: years; None and 0 mean unknown.
        bins: ascending boundaries of the groups, years; a group includes its lower boundary only.

    Returns:
        First and last whole year of the group (`18-29`), None if the age is unknown or in no group.
    """
    if not age or not bins[0] <= age < bins[-1]:  # also true for NaN
        return None
    place = bisect_right(bins, age)
    return f"{bins[place - 1]}-{bins[place] - 1}"


def parse(text: str) -> float | None:
    """Parse an age in years from a CSV field; None unless it is in (0, 150]."""
    age = number_of(text)
    return age if age is not None and 0 < age <= MAX_AGE else None


class Ages:
    """Ages of images, from CSV files that name the images or follow the order of a list of images.

    A file with a column of names (`NAMES`) is joined by name. A file without one is joined row by row to the
    list whose name begins its own (`training_age.csv` to `training.csv`). Ages by name are kept in a
    temporary database on disk, so memory use is constant.

    Args:
        where: a CSV file, or a folder with CSV files; more than one may be given.
        lists: names, without suffix, of the lists that files without names may follow.

    Raises:
        MissingError: there is no such file, or no CSV file in the folder.
        LayoutError: a file has no column `age`.
        ConfigError: a file has neither a column of names nor the name of a list, or two ages for one name.
    """

    def __init__(self, where: Sequence[Path], *, lists: Collection[str] = ()) -> None:
        self._database = sqlite3.connect("")  # a private temporary file, deleted with the connection
        schema = "name BLOB PRIMARY KEY, folded BLOB, age REAL"
        self._database.execute(f"CREATE TABLE ages ({schema}) WITHOUT ROWID")
        self._database.execute("CREATE INDEX ages_folded ON ages (folded)")
        self._in_order: dict[str, Path] = {}
        self._by_name: list[Path] = []
        self._found = False  # whether any name that was looked up is in a file
        try:
            for file in _files(where):
                self._open(file, lists)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __bool__(self) -> bool:
        return bool(self._in_order or self._by_name)

    def close(self) -> None:
        """Remove the temporary database."""
        self._database.close()

    def of(self, *names: str) -> float | None:
        """Age of the image with one of these names, None if unknown.

        Args:
            names: possible names of the image, tried in order, without regard to suffixes; without regard to
                case if the age is unambiguous.
        """
        if not self._by_name:
            return None
        for name in names:
            for query, key in (("name", _key(name)), ("folded", _key(caseless(name)))):
                ages = self._database.execute(f"SELECT DISTINCT age FROM ages WHERE {query} = ?", (key,))
                found = ages.fetchmany(2)
                if len(found) == 1:
                    self._found = True
                    return found[0][0]
        return None

    def beside(self, stem: str, records: Iterable[Record]) -> Iterator[tuple[Record, float | None]]:
        """Yield the records of a list, each with the age from the same row of a file without names.

        Args:
            stem: name of the list, without suffix.
            records: all records of the list, in their order.

        Raises:
            ConfigError: the file has more or fewer ages than the list has records.
        """
        file = self._in_order.get(stem.lower())
        if file is None:
            yield from ((record, None) for record in records)
            return
        ages = open_table(file, ("age",)).select("age")
        pairs = zip_longest(iter(records), ages)
        for count, (record, age) in enumerate(pairs):
            if record is None or age is None:
                longer = count + 1 + sum(1 for _ in pairs)
                listed, given = (count, longer) if record is None else (longer, count)
                raise ConfigError(
                    f"{file} has {given} ages, but {stem}.csv has {listed} rows; "
                    "ages without names are joined row by row",
                    hint="use the file of ages made for this list, or one with a column of names",
                )
            yield record, parse(age[0])

    def check(self) -> None:
        """Check, after all images were looked up, that at least one name matched.

        Raises:
            ConfigError: there are files with names, and none of their names matched.
        """
        if self._by_name and not self._found:
            raise ConfigError(
                f"none of the images has an age in {', '.join(map(str, self._by_name))}",
                hint="use the image names of the dataset's list, and ages in years",
            )

    def _open(self, file: Path, lists: Collection[str]) -> None:
        """Store the ages of a file by name, or remember which list it follows."""
        table = open_table(file, ("age",))
        name = next((name for name in NAMES if name in table.columns), None)
        if name is not None:
            self._take(table, name)
            self._by_name.append(file)
            return
        stem = next((stem for stem in lists if file.stem.lower().startswith(stem.lower())), None)
        if stem is None:
            raise ConfigError(
                f"{file} has no column of image names (expected one of {', '.join(NAMES)})"
                + (f", and its name is not {' or '.join(f'{stem}_age.csv' for stem in lists)}" * bool(lists)),
                hint="add a column of names",
            )
        if stem.lower() in self._in_order:
            raise ConfigError(
                f"the ages of {stem}.csv are given twice: {self._in_order[stem.lower()]}, {file}",
                hint="pass only one of them",
            )
        self._in_order[stem.lower()] = file

    def _take(self, table: Table, name: str) -> None:
        """Store the ages of a file; a name may be repeated with the same age."""
        insert = "INSERT INTO ages VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET age = age RETURNING age"
        with self._database:
            for text, written in table.select(name, "age"):
                age = parse(written)
                if age is None:
                    continue
                [known] = self._database.execute(insert, (_key(text), _key(caseless(text)), age)).fetchone()
                if known != age:
                    raise ConfigError(
                        f"image {text!a:.200} has two ages: {known:g}, and {age:g} in {table.file}",
                        hint="remove the wrong line",
                    )


def _files(where: Sequence[Path]) -> Iterator[Path]:
    """The CSV files named, and those in the folders named."""
    for path in where:
        if not path.is_dir():
            yield path
            continue
        found = sorted(
            file for file in path.iterdir() if file.suffix.lower() == ".csv" and file.name[0] != "."
        )
        if not found:
            raise MissingError(f"no CSV file in {path}", hint="pass the folder that holds the ages")
        yield from found


def _key(name: str) -> bytes:
    """Key to join an image by: its path without the suffix, which repacks change."""
    return os.fsencode(posixpath.splitext(canonical(inside(name) or name))[0])
