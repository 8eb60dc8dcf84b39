"""Find the sets of AffectNet's 8-class release and the numbers in them."""

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elimctl.datasets.affectnet8_lists import is_list
from elimctl.datasets.raw import files
from elimctl.errors import LayoutError, MissingError, Notice
from elimctl.text import counted

IMAGES, ANNOTATIONS = "images", "annotations"
# Suffixes of images; for one number the first that exists is used.
SUFFIXES = (".jpg", ".JPG", ".Jpg", ".JpG", ".jpeg", ".JPEG", ".Jpeg", ".png", ".PNG", ".Png")
NUMBERED = re.compile(r"(0|[1-9][0-9]{0,8})(?:(_(?:exp|val|aro|lnd)\.npy)|(\.\w+))")
SET = re.compile(r"(train|val|test)(?:ing|id|idation)?(?:[ _-]?set)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NumberedSet:
    """One of the sets."""

    split: str  # `train`, `val` or `test`
    images: Path  # folder
    annotations: Path | None  # folder of label files, None if lists have the labels


@dataclass(frozen=True, slots=True)
class Found:
    """Files below a root."""

    sets: list[NumberedSet]  # in the order train, val, test
    lists: list[Path]  # CSV lists of labels


def find(root: Path) -> Found:
    """Find the sets below a root, without walking through their two folders.

    If no set has label files, folders of images and CSV lists are used.

    Raises:
        MissingError: the root does not exist, or a folder cannot be listed.
        LayoutError: there is no set, a set occurs twice, or a folder's name does not tell its set.
    """
    pairs: list[tuple[Path, Path, Path]] = []
    csv_files: list[Path] = []
    archives = 0
    for folder, names in files.walk(root, skip=_skip):
        archives += sum(map(files.is_archive, names))
        csv_files += [folder / name for name in names if name.lower().endswith(".csv")]
        below = {entry.name.lower(): Path(entry) for entry in _scan(folder) if files.is_folder(entry)}
        if {IMAGES, ANNOTATIONS} <= below.keys():
            pairs.append((folder, below[IMAGES], below[ANNOTATIONS]))
    found: dict[str, NumberedSet] = {}
    if any(_has_numbered(annotations) for _, _, annotations in pairs):
        for folder, images, annotations in pairs:
            _add(found, NumberedSet(_split(folder, root), images, annotations), folder)
        lists: list[Path] = []
        _pass_over(csv_files)
    else:
        found, lists = _without_annotations(root)
    if not found:
        archived = f", but {counted(archives, 'archive')}" if archives else ""
        raise LayoutError(
            f"no folder under {root} has both {IMAGES}/ and {ANNOTATIONS}/{archived}",
            hint="unpack the archives" if archives else "pass the folder that holds train_set and val_set",
        )
    return Found([found[split] for split in ("train", "val", "test") if split in found], lists)


def _pass_over(csv_files: Iterable[Path]) -> None:
    """Give a notice about ignored lists beside label files."""
    if lists := list(filter(is_list, csv_files)):
        text = f"labels come from the folders {ANNOTATIONS}; not read: {', '.join(map(str, lists))}"
        warnings.warn(text, Notice, stacklevel=2)


def _add(found: dict[str, NumberedSet], numbered: NumberedSet, folder: Path) -> None:
    """Add a set, and refuse a second one of the same split."""
    split = numbered.split
    if split in found:
        raise LayoutError(
            f"found the set {split} twice: {found[split].images.parent}, {folder}",
            hint="pass the folder of one copy",
        )
    found[split] = numbered


def _without_annotations(root: Path) -> tuple[dict[str, NumberedSet], list[Path]]:
    """Folders of numbered images in sets, and the lists that may have their labels."""
    found: dict[str, NumberedSet] = {}
    lists: list[Path] = []
    for folder, names in files.walk(root):
        lists += [folder / name for name in names if name.lower().endswith(".csv")]
        if any(_image_code(name) is not None for name in names):
            _add(found, NumberedSet(_split(folder, root), folder, None), folder)
    return found, list(filter(is_list, lists))


def _has_numbered(annotations: Path) -> bool:
    return any(_annotated_number(entry.name) is not None for entry in _scan(annotations))


def numbers(numbered: NumberedSet, listed: np.ndarray | None) -> Iterator[tuple[int, str | None, bool]]:
    """Yield the samples of a set by number.

    Uses about 20 bytes of memory per sample.

    Args:
        numbered: the set.
        listed: numbers (n,) int64 with labels in lists; None if label files have them.

    Yields:
        The number, the suffix of its image (None if missing), and whether it has any annotation.
    """
    images = np.unique(_collect(numbered.images, _image_code))
    image_numbers, places = np.unique(images // len(SUFFIXES), return_index=True)
    if numbered.annotations is not None:
        listed = _collect(numbered.annotations, _annotated_number)
    annotated = np.unique(np.empty(0, np.int64) if listed is None else listed)
    every = np.union1d(image_numbers, annotated)
    suffix = np.full(len(every), -1, np.int8)
    suffix[np.searchsorted(every, image_numbers)] = images[places] % len(SUFFIXES)
    has_annotation = np.zeros(len(every), bool)
    has_annotation[np.searchsorted(every, annotated)] = True
    for place in range(len(every)):
        code = int(suffix[place])
        yield int(every[place]), SUFFIXES[code] if code >= 0 else None, bool(has_annotation[place])


def _skip(name: str) -> bool:
    """Whether to skip a name while looking for sets."""
    return files.is_junk(name) or name.lower() in (IMAGES, ANNOTATIONS)


def _split(folder: Path, root: Path) -> str:
    """The set of a folder, from its name or the nearest folder above it, up to the root."""
    inner = folder.relative_to(root).parts
    for name in (*reversed(inner), root.resolve().name):
        if match := SET.fullmatch(name.partition(".")[0]):  # also an unpacked `train_set.zip`
            return match[1].lower()
    raise LayoutError(
        f"{folder} has images, but no folder in its path is named after a set",
        hint="rename its folder train_set or val_set",
    )


def _scan(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Entries of a folder, in any order, one at a time."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise MissingError(
            f"cannot list {folder}: {error.strerror}", hint="make the folder readable"
        ) from None


def _collect(folder: Path, code: Callable[[str], int | None]) -> np.ndarray:
    """Codes of the names in a folder, int64, in any order."""
    codes = (code(entry.name) for entry in _scan(folder))
    return np.fromiter((one for one in codes if one is not None), np.int64)


def _image_code(name: str) -> int | None:
    """Number and suffix of an image as one integer."""
    match = NUMBERED.fullmatch(name)
    if not match or match[3] not in SUFFIXES:
        return None
    return int(match[1]) * len(SUFFIXES) + SUFFIXES.index(match[3])


def _annotated_number(name: str) -> int | None:
    """Number of a file of labels."""
    match = NUMBERED.fullmatch(name)
    return int(match[1]) if match and match[2] else None
