"""Find a user's own CSV, and the files that it names."""

import ntpath
import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from elimctl.datasets.folder_columns import KNOWN, ColumnNames, Columns, find_columns
from elimctl.datasets.raw import csv_rows, files, video
from elimctl.datasets.raw.lookup import AmbiguousNameError, Lookup
from elimctl.errors import LayoutError
from elimctl.text import counted

TABLES = (".csv", ".tsv")
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
EXAMPLE = """write a file labels.csv like this one into that folder:
path,valence,arousal,identity
id01/0001.jpg,0.4,-0.1,id01
id02/0001.jpg,-0.35,0.6,id02"""


@dataclass(frozen=True, slots=True)
class Source:
    """A CSV, and the folders that its paths start from."""

    root: Path
    file: Path
    columns: Columns
    bases: tuple[str, ...]  # folders below the root, `/` separated, that its paths may start from, in order
    named: ColumnNames  # configured names of columns
    lookup: Lookup

    def table(self) -> csv_rows.Table:
        """The CSV, open for one pass."""
        return csv_rows.open_table(self.file, _known(self.named))

    def records(self) -> Iterator[list[str]]:
        """The fields of each record, one record at a time."""
        return self.table().records


def open_source(root: Path, csv: Path | None, named: ColumnNames = ColumnNames()) -> Source:
    """Find the CSV of a folder.

    Args:
        root: the raw root.
        csv: the CSV, relative to the root or the current folder; None: searched in the root, then in the
            folders below it.
        named: configured names of columns.

    Raises:
        MissingError: the folder or the CSV does not exist or cannot be read.
        LayoutError: there is no CSV with the columns needed, or more than one.
    """
    one = [] if csv is None else [root / csv if (root / csv).exists() else csv]
    found = {file: _columns(file, named) for file in one or _candidates(root, named)}
    usable = {file: columns for file, columns in found.items() if not columns.lacking}
    if not usable:
        _refuse(min(found, key=lambda file: len(found[file].lacking)), named)
    if len(usable) > 1:
        raise LayoutError(
            f"found {len(usable)} CSV files with labels under {root}, expected one: "
            f"{', '.join(map(str, usable))}",
            hint="select one with --set dataset.csv=FILE, or merge them into one with a column `split`",
        )
    [(file, columns)] = usable.items()
    below = file.parent.relative_to(root).as_posix() if file.parent.is_relative_to(root) else "."
    lookup = Lookup(os.fspath(root), (IMAGES, video.SUFFIXES))
    return Source(root, file, columns, ("",) if below == "." else (below, ""), named, lookup)


def locate(text: str, source: Source) -> tuple[str, str | None]:
    r"""Find the file that a record names.

    Args:
        text: its path below the CSV's folder or the root; `\` separates like `/`.
        source: where the CSV is.

    Returns:
        The path below the root, and the drop reason if there is no such file. A file may exist in another
        spelling or converted (see `lookup`). A missing file, and one outside the root, keeps its path.
    """
    path = text.replace("\\", "/")
    relative = not ntpath.splitdrive(path)[0]
    joined = [csv_rows.inside(posixpath.join(base, path)) for base in source.bases if relative]
    places = [place for place in joined if place]
    if not places:
        return text, f"path leaves the root: {text:.200}"
    exact = next((place for place in places if os.path.isfile(f"{source.root}/{place}")), None)  # noqa: PTH113
    try:
        found = exact or next(filter(None, map(source.lookup.find, places)), None)
    except AmbiguousNameError as error:
        return places[0], str(error)
    if found:
        return found, None
    return places[0], f"no {'video' if is_video(path) else 'image'}"


def named_parts(text: str) -> list[str]:
    """The parts of a record's path without `..` and `.`."""
    return [
        part for part in posixpath.normpath(text.replace("\\", "/")).split("/") if part not in ("", ".", "..")
    ]


def is_video(path: str) -> bool:
    """Whether a path has the suffix of a video."""
    return posixpath.splitext(path)[1].lower() in video.SUFFIXES


def _known(named: ColumnNames) -> frozenset[str]:
    """Names that a header may have."""
    return KNOWN | {csv_rows.column_name(name) for name in named.given.values() if name}


def _columns(file: Path, named: ColumnNames) -> Columns:
    """The columns of a CSV; empty if its first line names none."""
    try:
        header = csv_rows.open_table(file, _known(named), headless=()).columns
    except LayoutError:  # an empty file
        header = ()
    return find_columns(header, where=str(file), named=named)


def _refuse(file: Path, named: ColumnNames) -> NoReturn:
    """Raise the error for a CSV that lacks columns."""
    table = csv_rows.open_table(file, _known(named), headless=())
    columns = find_columns(table.columns, where=str(file), named=named)
    first: Sequence[str] = table.columns or next(table.records)
    given = next(iter(columns.absent), None)
    raise LayoutError(
        f"{file} has no column {', '.join(columns.lacking)}; its first line is: {', '.join(first)!a:.200}",
        hint=f"set dataset.columns.{given[0]} to one of these"
        if given
        else "name the columns in the first line (path,valence,arousal), or give their names with "
        f"--set dataset.columns.{columns.lacking[0]}=NAME",
    )


def _candidates(root: Path, named: ColumnNames) -> list[Path]:
    """The CSV files of the root if one of them has the columns, else those of all folders."""
    found: list[Path] = []
    n_images = n_archives = 0
    for folder, names in files.walk(root):
        found += [folder / name for name in names if name.lower().endswith(TABLES)]
        if folder == root and not all(_columns(file, named).lacking for file in found):
            return found
        n_images += sum(name.lower().endswith((*IMAGES, *video.SUFFIXES)) for name in names)
        n_archives += sum(map(files.is_archive, names))
    if found:
        return found
    met = [f"{n_images} images and videos"] * bool(n_images) + [counted(n_archives, "archive")] * bool(
        n_archives
    )
    raise LayoutError(
        f"no CSV file with labels under {root}" + (f", but {' and '.join(met)}" if met else ""),
        hint=EXAMPLE if n_images or not n_archives else "unpack the archives",
    )
