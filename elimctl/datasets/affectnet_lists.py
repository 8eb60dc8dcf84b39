"""Find the lists, ages and images of AffectNet."""

from dataclasses import dataclass, field
from pathlib import Path

from elimctl.datasets.raw import files
from elimctl.datasets.raw.csv_rows import Table, open_table
from elimctl.errors import LayoutError
from elimctl.text import counted

LISTS = {"training": "train", "validation": "val", "automatically_annotated": "train"}  # list: split
# Columns of a list without a header, in order; some copies add `age`.
COLUMNS = (
    "subdirectory_filepath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
    "age",
)
NEEDED = ("subdirectory_filepath", "valence", "arousal")


@dataclass(frozen=True, slots=True)
class Found:
    """Files below a root."""

    root: Path
    lists: dict[str, list[Path]] = field(default_factory=dict)  # files by name in `LISTS`
    ages: list[Path] = field(default_factory=list)  # named after the lists
    # folders that the paths of a list may start from: those with numbered folders of files, and the folders
    # above them, because the paths of repacks may be longer
    places: list[Path] = field(default_factory=list)
    archives: int = 0


def find(root: Path) -> Found:
    """Find lists, ages and image folders below a root.

    Raises:
        MissingError: the folder does not exist or cannot be listed.
        LayoutError: it is a file.
    """
    lists: dict[str, list[Path]] = {}
    ages: list[Path] = []
    places: dict[Path, None] = {}
    archives = 0
    for folder, names in files.walk(root):
        for name in names:
            stem, _, suffix = name.lower().rpartition(".")
            stem = stem.replace(" ", "_").replace("-", "_")
            archives += files.is_archive(name)
            if suffix == "csv" and stem in LISTS:
                lists.setdefault(stem, []).append(folder / name)
            elif suffix == "csv" and stem.removesuffix("_age") in LISTS:
                ages.append(folder / name)
        if folder != root and folder.name.isdigit() and names:
            above = (folder.parent, *folder.parent.parents)
            places.update(dict.fromkeys(place for place in above if place.is_relative_to(root)))
    return Found(root, lists, ages, list(places), archives)


def choose(found: Found, annotated: str) -> dict[str, Path]:
    """Choose the lists to read.

    Args:
        found: what is below the root.
        annotated: `manual`, `automatic` or `both`, the annotation of the training images.

    Raises:
        LayoutError: there are no lists or no images, or a list occurs more than once.
    """
    wanted = {
        "manual": ("training", "validation"),
        "automatic": ("automatically_annotated", "validation"),
        "both": tuple(LISTS),
    }[annotated]
    lists = {name: found.lists[name] for name in wanted if name in found.lists}
    if not lists:
        raise _nothing(found, "list " + " or ".join(f"{name}.csv" for name in wanted))
    if "automatically_annotated" in set(wanted) - lists.keys():
        raise _nothing(found, "list automatically_annotated.csv")
    if not found.places:
        raise _nothing(found, "folder of images <number>/")
    for name, copies in lists.items():
        if len(copies) > 1:
            raise LayoutError(
                f"found {name}.csv {len(copies)} times: {', '.join(map(str, copies))}",
                hint="keep one copy and move the others out of the folder",
            )
    return {name: copies[0] for name, copies in lists.items()}


def places(found: Found, name: str) -> list[Path]:
    """Folders that may hold a list's images; manually and automatically annotated ones are separate."""
    automatic = name == "automatically_annotated"

    def fits(place: Path) -> bool:
        return ("automatic" in place.relative_to(found.root).as_posix().lower()) == automatic

    return list(filter(fits, found.places)) or found.places


def open_list(file: Path) -> Table:
    """Open a list, with or without a header.

    Raises:
        LayoutError: a required column is missing.
        MissingError: it cannot be read.
    """
    table = open_table(file, COLUMNS, headless=COLUMNS)
    lacking = [name for name in NEEDED if name not in table.columns]
    if lacking:
        raise LayoutError(
            f"{file} has no column {', '.join(lacking)}; its columns are {', '.join(table.columns)}",
            hint=f"use AffectNet's names of the columns: {', '.join(NEEDED)}",
        )
    return table


def _nothing(found: Found, what: str) -> LayoutError:
    """Build the error for something missing below the root."""
    archives = f", but {counted(found.archives, 'archive')}" if found.archives else ""
    return LayoutError(
        f"no {what} under {found.root}{archives}",
        hint="unpack the archives" if archives else "pass the folder that holds the lists and the images",
    )
