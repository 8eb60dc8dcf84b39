"""A published partition: one CSV file per split that names images, with their labels and groups.

    name,valence,arousal,age,gender,race      name,expression,age,gender,race
    train_set/0.jpg,0.1,-0.2,20-29,Male,White  ...

The columns are those of Hu et al. 2024 (arXiv 2405.06841). Only images that a file names are used, with the
labels of the file: these are the protocol.
"""

import json
import os
import posixpath
import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from elimctl.datasets.raw.csv_rows import Table, inside, open_table
from elimctl.errors import ConfigError, DataError, LayoutError, Notice
from elimctl.manifest import splits
from elimctl.manifest.names import caseless, to_bytes, to_text
from elimctl.manifest.row import Row, printable
from elimctl.prepare import partition_labels as labels
from elimctl.prepare import split_file

BATCH = 1000  # records written together
NAMES = ("name", "path", "filepath", "file_path", "filename", "file", "image", "img")
LISTED = "not in the split files"  # reason to drop what no file names
UNFOUND = "not found"  # reason of a name that no image has


class Partition:
    """The images of a partition by name, in a temporary database: memory does not grow with the files.

    A name that is a path below the root fits that image alone. Another one fits an image that has the same
    stem, in a path with all folders of the name. Case, the suffix and `_aligned` do not matter, and folders
    `train_set` and `train` are the same.

    Args:
        root: the raw root.
        files: two or three CSV files, by the splits that they say in their names, else train, val, test.

    Raises:
        MissingError: a file cannot be read.
        LayoutError: one has no column of names.
        ConfigError: the files do not say which is which.
        DataError: an image is named twice with other labels or splits, or a class is a number.
    """

    def __init__(self, root: Path, files: Sequence[Path]) -> None:
        self._root = root
        self._files = files
        self._compared = self._differing = 0
        self._names = sqlite3.connect("")  # a database in a temporary file, gone when it is closed
        self._names.execute(
            "CREATE TABLE names (stem BLOB, folders BLOB, exact INTEGER, name BLOB, split TEXT, file TEXT, "
            "record TEXT, path BLOB, PRIMARY KEY (stem, folders)) WITHOUT ROWID"
        )
        for file, split in zip(files, splits_of(files), strict=True):
            self._take(file, split)

    def apply(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows with the splits, labels and groups of the partition, then one for each name without image.

        Raises:
            DataError: a name fits two images, an image two names, or no name fits any image.
        """
        for row in rows:
            found = self._find(row)
            if found is None:
                yield replace(row, split=None, reason=row.reason or LISTED)
                continue
            split, record = found
            labelled, compared, differs = labels.apply(replace(row, split=split), record)
            self._compared += compared
            self._differing += differs
            yield labelled
        [matched] = self._names.execute("SELECT count(path) FROM names").fetchone()
        if not matched:
            raise DataError(
                f"{self._told()} name no image that was found",
                hint="write each name as a path below the raw folder, such as train_set/0.jpg",
            )
        yield from self._missing()
        self._tell()

    def close(self) -> None:
        """Remove the temporary file."""
        self._names.close()

    def _take(self, file: Path, split: str) -> None:
        """Put the records of a file into the database."""
        table = open_table(file, {*NAMES, *chain.from_iterable(labels.COLUMNS.values())})
        column = next((name for name in NAMES if name in table.columns), None)
        if column is None:
            raise LayoutError(
                f"{file} has the columns {', '.join(table.columns)}; wanted {NAMES[0]}",
                hint="name the column of the images",
            )
        records = self._records(table, column, split)
        while batch := list(islice(records, BATCH)):
            for values in batch:
                self._add(values)

    def _records(self, table: Table, column: str, split: str) -> Iterator[tuple[Any, ...]]:
        """Values of the database, one for each record of a file."""
        given = labels.columns(table)
        for name, *fields in table.select(column, *given.values()):
            record = labels.parse(dict(zip(given, fields, strict=True)), where=f"{table.file}, {name}")
            path = inside(name)
            if path is None:
                raise DataError(
                    f"{table.file} names {name!r:.200}; wanted a path below the raw folder",
                    hint="write names such as train_set/0.jpg",
                )
            folders, stem = _key(path)
            exact = os.path.isfile(f"{os.fspath(self._root)}/{path}")  # noqa: PTH113  a path object takes longer
            key = (to_bytes(stem), to_bytes("/".join(folders)), exact)
            yield *key, to_bytes(path), split, table.file.name, json.dumps(record)

    def _add(self, values: tuple[Any, ...]) -> None:
        """Add a record, unless it is there already."""
        stem, folders, _, name, split, file, record = values
        self._names.execute("INSERT OR IGNORE INTO names VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", values)
        known = self._names.execute(
            "SELECT split, file, record FROM names WHERE stem = ? AND folders = ?", (stem, folders)
        ).fetchone()
        if known[0] != split:
            raise DataError(
                f"{_shown(name)} is in {known[1]} ({known[0]}) and in {file} ({split})",
                hint="name each image in one file",
            )
        if known[2] != record:
            raise DataError(
                f"{_shown(name)} is twice in {file}, with other labels", hint="name each image once"
            )

    def _find(self, row: Row) -> tuple[str, dict[str, Any]] | None:
        """Split and record of the image of a row, None where no name fits it."""
        fitting = self._fitting(row)
        if not fitting:
            return None
        if len({(split, record) for _, _, _, split, _, record, _ in fitting}) > 1:
            told = " and ".join(f"{_shown(name)} of {file}" for _, _, name, _, file, _, _ in fitting[:2])
            raise DataError(f"{printable(row.path)} is {told}", hint="name each image once")
        for stem, folders, name, split, file, _, path in fitting:
            if path not in (None, to_bytes(row.path)):
                images = f"{_shown(path)}, {printable(row.path)}"
                raise DataError(
                    f"{_shown(name)} of {file} ({split}) fits two images: {images}",
                    hint="write the folder into each name, such as train_set/0.jpg",
                )
            update = "UPDATE names SET path = ? WHERE stem = ? AND folders = ?"
            self._names.execute(update, (to_bytes(row.path), stem, folders))
        return fitting[0][3], json.loads(fitting[0][5])

    def _fitting(self, row: Row) -> list[tuple[bytes, bytes, bytes, str, str, str, bytes | None]]:
        """Stem, folders, name, split, file, record and image so far of each name that fits a row."""
        folders, stem = _key(row.path)
        clip_folders, clip_stem = _key(row.clip)
        if clip_stem == stem:  # `train/12` tells the set where the root is the set's folder
            folders = [*folders, *clip_folders]
        query = "SELECT exact, stem, folders, name, split, file, record, path FROM names WHERE stem = ?"
        path = to_bytes(row.path)
        return [
            tuple(entry)
            for exact, *entry in self._names.execute(query, (to_bytes(stem),))
            if (entry[2] == path if exact else set(to_text(entry[1]).split("/")) - {""} <= set(folders))
        ]

    def _missing(self) -> Iterator[Row]:
        """A dropped row for each name that no image has."""
        query = "SELECT name, split, file FROM names WHERE path IS NULL ORDER BY stem, folders"
        for name, split, file in self._names.execute(query):
            path = to_text(name)
            yield Row(
                path=path,
                identity=path,
                clip=path,
                frame=0,
                split=split,
                reason=f"{UNFOUND}: named in {file}",
            )

    def _tell(self) -> None:
        """Give a notice where the labels are others than those of the dataset."""
        if self._differing:
            text = (
                f"{self._differing:,} of {self._compared:,} images have other labels in {self._told()} "
                "than in the dataset; those of the files are used"
            )
            warnings.warn(text, Notice, stacklevel=2)

    def _told(self) -> str:
        return ", ".join(file.name for file in self._files)


def digest(files: Sequence[Path]) -> str:
    """SHA-256 of each file, hexadecimal, with its split (`train=...,val=...`); of one file that alone."""
    digests = list(map(split_file.digest, files))
    if len(files) == 1:
        return digests[0]
    return ",".join(f"{split}={found}" for split, found in zip(splits_of(files), digests, strict=True))


def splits_of(files: Sequence[Path]) -> list[str]:
    """The split of each file: as all their names say, or train, val, test in that order.

    Raises:
        ConfigError: there are fewer than two files or more than three, or the names of some contradict.
    """
    shown = ", ".join(map(str, files))
    if not 2 <= len(files) <= len(splits.NAMES):
        raise ConfigError(
            f"--split {shown}: {len(files)} files; wanted train, valid and test",
            hint="name two or three CSV files, with commas between them",
        )
    said = [_said(file) for file in files]
    if None not in said and len(set(said)) == len(said):
        return [name for name in said if name]
    order = list(splits.NAMES[: len(files)])
    if any(name not in (None, place) for name, place in zip(said, order, strict=True)):
        raise ConfigError(
            f"--split {shown}: the names of the files do not say which split each is",
            hint="name them train.csv, valid.csv and test.csv",
        )
    return order


def _said(file: Path) -> str | None:
    """The split that the name of a file says, or of its folder."""
    return splits.said_in(file.stem) or splits.said_in(file.parent.name)


def _key(path: str) -> tuple[list[str], str]:
    """The folders and the stem that a path is known by."""
    *folders, name = caseless(path).split("/")
    stem = posixpath.splitext(name)[0].removesuffix("_aligned")
    return list(map(_folder, folders)), stem


def _folder(name: str) -> str:
    """What a folder is known by: `train` for `train_set`."""
    return splits.named_set(name) or name


def _shown(name: bytes) -> str:
    return printable(to_text(name))
