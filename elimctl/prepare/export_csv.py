"""The rows of a prepared dataset as CSV, and its crops as image files."""

import csv
import hashlib
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TextIO

import numpy as np
import pyarrow as pa
from PIL import Image

from elimctl.config import Config
from elimctl.errors import ConfigError, DataError
from elimctl.manifest import columns, splits
from elimctl.prepare import stream
from elimctl.store.images import Images, open_images

FIRST = ("path", "valence", "arousal", "identity", "clip", "frame")  # other columns follow in their order
RAW_PATH = "raw_path"  # of the raw image, where `path` is that of the crop
# What the published ELIM code reads by position: a path whose first part is the identity, then the labels.
ELIM = ("subDirectory_filePath", "valence", "arousal")

Row = dict[str, str | None]  # of the manifest, as text


class ExportOptions(Config):
    """Which rows are exported, and how."""

    split: str = "all"  # a split as `train` and `eval` name them
    fold: int = 0  # the one held out, where the splits come from folds
    dropped: bool = False  # dropped rows too
    elim: bool = False  # in the layout that the published ELIM code reads
    images: Path | None = None  # folder for the crops; a row's path is then below it


def export(folder: Path, file: TextIO, options: ExportOptions) -> Iterator[int]:
    """Write rows of a dataset as CSV, and their crops, some at a time.

    Args:
        folder: the dataset's folder.
        file: takes the CSV; opened with `newline=""`.
        options: which rows, and how.

    Yields:
        Numbers of rows that were written since the last.

    Raises:
        ConfigError: options that exclude each other.
        DataError: the split is unknown or empty; or, for ELIM, a row has no label.
        StoreError: the dataset is damaged.
        OSError: a crop could not be written.
    """
    if options.dropped and (options.elim or options.split != "all"):
        raise ConfigError(
            "dropped rows have no crop and are in no split, so --all goes with neither --elim nor --split",
            hint="leave out --all",
        )
    chosen = None if options.dropped else _chosen(folder, options)
    crops = _Crops(open_images(folder), options.images) if options.images or options.elim else None
    names = [*FIRST, *(name for name in _scalars() if name not in FIRST)]
    write = csv.writer(
        file, lineterminator="\n", quoting=csv.QUOTE_ALL if options.elim else csv.QUOTE_MINIMAL
    ).writerow
    write(ELIM if options.elim else [*names, *([RAW_PATH] if crops else [])])
    for batch in stream.batches(folder, names):
        part = batch if chosen is None else batch.filter(pa.array(chosen[batch["row"].to_numpy()]))
        texts = [part[name].cast(pa.string()).to_pylist() for name in names]
        for values in zip(*texts, strict=True):
            row = dict(zip(names, values, strict=True))
            if crops is None:
                write(values)
            elif options.elim:
                write(_elim(row, crops))
            else:
                path = crops.write(row) if row["status"] == "kept" else row["path"]
                write([path, *values[1:], row["path"]])
        yield part.num_rows


def folder_name(identity: str) -> str:
    """The name of an identity as that of a folder, different for different identities.

    Args:
        identity: any text; one that is a plain name stays as it is.
    """
    plain = re.sub(r"[^\w.-]", "_", identity).strip(".")
    if plain == identity:
        return plain
    return f"{plain[:64]}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


class _Crops:
    """The crops of a dataset as files: `<identity>/<row>.png`, or `.jpg` where the store has JPEG files.

    Args:
        reader: the images.
        folder: where they go; None where only their names are wanted.
    """

    def __init__(self, reader: Images, folder: Path | None) -> None:
        self._reader, self._folder = reader, folder
        self._suffix = "jpg" if reader.codec == "jpeg" else "png"

    def write(self, row: Row) -> str:
        """Write the crop of a kept row; its path below the folder."""
        number = int(row["row"] or 0)
        path = f"{folder_name(row['identity'] or '')}/{number:08d}.{self._suffix}"
        if self._folder is not None:
            file = self._folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._content(number))
        return path

    def _content(self, number: int) -> bytes:
        if self._suffix == "jpg":
            [stored] = self._reader.chunks([number])
            return stored or b""
        content = BytesIO()
        Image.fromarray(self._reader.read([number])[0]).save(content, "png")
        return content.getvalue()


def _scalars() -> list[str]:
    """The manifest's columns but for lists, which CSV has no word for."""
    return [name for name, column in columns.columns().items() if not column.type.startswith("list")]


def _chosen(folder: Path, options: ExportOptions) -> np.ndarray:
    """(N,) bool: the rows of the split."""
    table = pa.Table.from_batches(stream.batches(folder, ["status", "split", "fold"]))
    chosen = np.zeros(table.num_rows, bool)
    chosen[splits.select(table, options.split, fold=options.fold)] = True
    return chosen


def _elim(row: Row, crops: _Crops) -> tuple[str, str, str]:
    """A row as the ELIM code reads it."""
    if row["valence"] is None or row["arousal"] is None:
        raise DataError(
            f"row {row['row']} has no label, and ELIM's layout has no word for that: {row['path']}",
            hint="export without --elim",
        )
    return crops.write(row), row["valence"], row["arousal"]
