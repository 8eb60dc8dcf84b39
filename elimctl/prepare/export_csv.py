"""Export the rows of a prepared dataset as CSV, and its crops as image files."""

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

FIRST = (
    "path",
    "valence",
    "arousal",
    "identity",
    "clip",
    "frame",
)  # the other columns follow in the manifest's order
RAW_PATH = "raw_path"  # path of the raw image if `path` is that of the crop
# Columns that the published ELIM code reads by position; the path begins with the identity.
ELIM = ("subDirectory_filePath", "valence", "arousal")

Row = dict[str, str | None]  # a row of the manifest as texts


class ExportOptions(Config):
    """Options of an export."""

    split: str = "all"  # a split, as for `train` and `eval`
    fold: int = 0  # the held-out fold, if the splits come from folds
    dropped: bool = False  # also export dropped rows
    elim: bool = False  # write the layout of the published ELIM code
    images: Path | None = None  # folder for the crops; paths are then relative to it


def export(folder: Path, file: TextIO, options: ExportOptions) -> Iterator[int]:
    """Write rows of the dataset in a folder as CSV, and their crops; open the file with `newline=""`.

    Yields:
        Number of rows written since the last step.

    Raises:
        ConfigError: options exclude each other.
        DataError: the split is unknown or empty; or, for ELIM, a row has no label.
        StoreError: the dataset is damaged.
        OSError: a crop could not be written.
    """
    if options.dropped and (options.elim or options.split != "all"):
        raise ConfigError(
            "--all cannot be combined with --elim or --split: dropped rows have no crop and no split",
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
    """Return a folder name for an identity, unique for each identity; plain names are unchanged."""
    plain = re.sub(r"[^\w.-]", "_", identity).strip(".")
    if plain == identity:
        return plain
    return f"{plain[:64]}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


class _Crops:
    """Writes crops as `<identity>/<row>.png`, or `.jpg` for JPEG stores; without a folder, only paths."""

    def __init__(self, reader: Images, folder: Path | None) -> None:
        self._reader, self._folder = reader, folder
        self._suffix = "jpg" if reader.codec == "jpeg" else "png"

    def write(self, row: Row) -> str:
        """Write the crop of a kept row and return its path below the folder."""
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
    """Return the manifest's columns, without lists, which CSV cannot hold."""
    return [name for name, column in columns.columns().items() if not column.type.startswith("list")]


def _chosen(folder: Path, options: ExportOptions) -> np.ndarray:
    """Mark the rows of the split: (N,) bool."""
    table = pa.Table.from_batches(stream.batches(folder, ["status", "split", "fold"]))
    chosen = np.zeros(table.num_rows, bool)
    chosen[splits.select(table, options.split, fold=options.fold)] = True
    return chosen


def _elim(row: Row, crops: _Crops) -> tuple[str, str, str]:
    if row["valence"] is None or row["arousal"] is None:
        raise DataError(
            f"row {row['row']} has no label, which the layout of the ELIM code requires: {row['path']}",
            hint="export without --elim",
        )
    return crops.write(row), row["valence"], row["arousal"]
