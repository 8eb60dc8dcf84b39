"""A published partition: one CSV file per split that names images, with their labels and groups.

    name,valence,arousal,age,gender,race      name,expression,age,gender,race
    train_set/0.jpg,0.1,-0.2,20-29,Male,White  ...

The columns are those of Hu et al. 2024 (arXiv 2405.06841). Only images that a file names are used, with the
labels of the file.
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
from typing import Any, NamedTuple

from elimctl.datasets.raw.csv_rows import Table, inside, open_table
from elimctl.errors import ConfigError, DataError, LayoutError, Notice
from elimctl.manifest import splits
from elimctl.manifest.names import caseless, to_bytes, to_text
from elimctl.manifest.row import Row, printable
from elimctl.prepare import partition_labels as labels
from elimctl.prepare import split_file

BATCH = 1000  # records written together
NAMES = ("name", "path", "filepath", "file_path", "filename", "file", "image", "img")
UNLISTED = "not in the split files"  # reason for an image that no file names
UNFOUND = "not found"  # reason for a name without an image


class _Name(NamedTuple):
    """A name in a partition: a row of the database, without `exact`."""

    stem: bytes
    folders: bytes
    name: bytes
    split: str
    file: str
    record: str
    path: bytes | None  # of its image so far


class Partition:
    """The records of a partition, in a temporary database so that memory does not grow with the files.

    A name that is a path below the root matches only that image. Any other name matches an image with the
    same stem whose path has all folders of the name. Case, suffix and `_aligned` do not matter; the folders
    `train_set` and `train` are the same. `splits_of` gives the splits of the files.

    Raises:
        MissingError: a file cannot be read.
        LayoutError: a file has no column of names.
        ConfigError: names and order of the files contradict.
        DataError: an image is named twice with other labels or splits, or an expression is a number.
    """

    def __init__(self, root: Path, files: Sequence[Path]) -> None:
        self._root = root
        self._files = files
        self._compared = self._differing = 0
        self._names = sqlite3.connect("")  # a temporary file, removed when it is closed
        self._names.execute(
            "CREATE TABLE names (stem BLOB, folders BLOB, exact INTEGER, name BLOB, split TEXT, file TEXT, "
            "record TEXT, path BLOB, PRIMARY KEY (stem, folders)) WITHOUT ROWID"
        )
        for file, split in zip(files, splits_of(files), strict=True):
            self._read(file, split)

    def apply(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows with splits, labels and groups of the partition, then a row for each unmatched name.

        Raises:
            DataError: a name matches two images, an image two names, or no name matches any image.
        """
        for row in rows:
            match = self._find(row)
            if match is None:
                yield replace(row, split=None, reason=row.reason or UNLISTED)
                continue
            split, record = match
            labelled, compared, differs = labels.apply(replace(row, split=split), record)
            self._compared += compared
            self._differing += differs
            yield labelled
        [matched] = self._names.execute("SELECT count(path) FROM names").fetchone()
        if not matched:
            raise DataError(
                f"{self._shown_files()} name no image that was found",
                hint="write each name as a path below the raw folder, such as train_set/0.jpg",
            )
        yield from self._unmatched()
        self._warn()

    def close(self) -> None:
        """Remove the temporary file."""
        self._names.close()

    def _read(self, file: Path, split: str) -> None:
        table = open_table(file, {*NAMES, *chain.from_iterable(labels.COLUMNS.values())})
        column = next((name for name in NAMES if name in table.columns), None)
        if column is None:
            raise LayoutError(
                f"{file} has the columns {', '.join(table.columns)}; wanted {NAMES[0]}",
                hint=f"call the column of the image names {NAMES[0]}",
            )
        records = self._records(table, column, split)
        while batch := list(islice(records, BATCH)):
            for values in batch:
                self._add(values)

    def _records(self, table: Table, column: str, split: str) -> Iterator[tuple[Any, ...]]:
        """Iterate over the records of a file as rows of the database."""
        columns = labels.columns(table)
        for name, *fields in table.select(column, *columns.values()):
            record = labels.parse(dict(zip(columns, fields, strict=True)), where=f"{table.file}, {name}")
            path = inside(name)
            if path is None:
                raise DataError(
                    f"{table.file} names {name!r:.200}; wanted a path below the raw folder",
                    hint="write names such as train_set/0.jpg",
                )
            folders, stem = _key(path)
            exact = os.path.isfile(f"{os.fspath(self._root)}/{path}")  # noqa: PTH113  Path is slower
            key = (to_bytes(stem), to_bytes("/".join(folders)), exact)
            yield *key, to_bytes(path), split, table.file.name, json.dumps(record)

    def _add(self, values: tuple[Any, ...]) -> None:
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
        """Return split and record of the image of a row; None if no name matches it."""
        matching = self._matching(row)
        if not matching:
            return None
        if len({(name.split, name.record) for name in matching}) > 1:
            shown = " and ".join(f"{_shown(name.name)} of {name.file}" for name in matching[:2])
            raise DataError(f"{printable(row.path)} is {shown}", hint="name each image once")
        path = to_bytes(row.path)
        for name in matching:
            if name.path not in (None, path):
                raise DataError(
                    f"{_shown(name.name)} of {name.file} ({name.split}) fits two images: "
                    f"{_shown(name.path or b'')}, {printable(row.path)}",
                    hint="write the folder into each name, such as train_set/0.jpg",
                )
            update = "UPDATE names SET path = ? WHERE stem = ? AND folders = ?"
            self._names.execute(update, (path, name.stem, name.folders))
        return matching[0].split, json.loads(matching[0].record)

    def _matching(self, row: Row) -> list[_Name]:
        folders, stem = _key(row.path)
        clip_folders, clip_stem = _key(row.clip)
        if clip_stem == stem:  # `train/12` names the split if the root is the split's folder
            folders = [*folders, *clip_folders]
        query = "SELECT exact, stem, folders, name, split, file, record, path FROM names WHERE stem = ?"
        path = to_bytes(row.path)
        names = ((exact, _Name(*values)) for exact, *values in self._names.execute(query, (to_bytes(stem),)))
        return [
            name
            for exact, name in names
            if (name.name == path if exact else set(to_text(name.folders).split("/")) - {""} <= set(folders))
        ]

    def _unmatched(self) -> Iterator[Row]:
        """Yield a dropped row for each name without an image."""
        query = "SELECT name, split, file FROM names WHERE path IS NULL ORDER BY stem, folders"
        for name, split, file in self._names.execute(query):
            path, reason = to_text(name), f"{UNFOUND}: named in {file}"
            yield Row(path=path, identity=path, clip=path, frame=0, split=split, reason=reason)

    def _warn(self) -> None:
        """Give a notice if labels differ from those of the dataset."""
        if self._differing:
            warnings.warn(
                f"{self._differing:,} of {self._compared:,} images have other labels in "
                f"{self._shown_files()} than in the dataset; elimctl uses the labels of the files",
                Notice,
                stacklevel=2,
            )

    def _shown_files(self) -> str:
        return ", ".join(file.name for file in self._files)


def digest(files: Sequence[Path]) -> str:
    """Hash split files (SHA-256): `train=...,val=...`, or the digest alone for a single file."""
    digests = list(map(split_file.digest, files))
    if len(files) == 1:
        return digests[0]
    return ",".join(f"{split}={digest}" for split, digest in zip(splits_of(files), digests, strict=True))


def splits_of(files: Sequence[Path]) -> list[str]:
    """Return the split of each file: by the names of all files, or else by order: train, val, test.

    Raises:
        ConfigError: there are fewer than two files or more than three, or names and order contradict.
    """
    shown = ", ".join(map(str, files))
    if not 2 <= len(files) <= len(splits.NAMES):
        raise ConfigError(
            f"--split {shown}: {len(files)} files; wanted train, valid and test",
            hint="name two or three CSV files, with commas between them",
        )
    # the file's name says the split, or else its folder's name
    named = [splits.said_in(file.stem) or splits.said_in(file.parent.name) for file in files]
    if None not in named and len(set(named)) == len(named):
        return [name for name in named if name]
    order = list(splits.NAMES[: len(files)])
    if any(name not in (None, split) for name, split in zip(named, order, strict=True)):
        raise ConfigError(
            f"--split {shown}: the file names do not say which split each is",
            hint="name them train.csv, valid.csv and test.csv",
        )
    return order


def _key(path: str) -> tuple[list[str], str]:
    """Return the folders (`train` for `train_set`) and the stem by which a path is compared."""
    *folders, name = caseless(path).split("/")
    stem = posixpath.splitext(name)[0].removesuffix("_aligned")
    return [splits.named_set(folder) or folder for folder in folders], stem


def _shown(name: bytes) -> str:
    return printable(to_text(name))
