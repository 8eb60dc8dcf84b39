"""RAF-DB (basic): photographs of faces in seven classes of expression, original or aligned.

    EmoLabel/list_patition_label.txt
    Image/original/train_00001.jpg ...  Image/aligned/train_00001_aligned.jpg ...
    Annotation/manual/train_00001_manu_attri.txt ...  Annotation/boundingbox/train_00001_boundingbox.txt ...

An image is identified by `train` or `test` and a number, whatever the padding. Files are found by name at any
depth; folders of other parts (raf_db_parts.py) are ignored. A repack sorts aligned images into
`{train,test}/<1-7>/`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from elimctl.config import Config
from elimctl.datasets.raf_db_names import AGE_GROUPS, EXPRESSIONS, GENDERS, RACES, SPLITS, stem
from elimctl.datasets.raf_db_parts import other_part, pass_over, refuse_compound, refuse_distribution
from elimctl.datasets.raw import files
from elimctl.errors import LayoutError
from elimctl.manifest.row import NO_GROUP, Row
from elimctl.text import counted

LABEL_SCALE = 1  # there are no labels of valence and arousal
NOTE = (
    "RAF-DB has no valence and arousal; its rows hold the class of expression, and group of ages, gender and "
    "race as annotated by hand"
)

IMAGES = ("jpg", "jpeg", "png")
SAMPLE = re.compile(r"(train|test)_([0-9]{1,9})(_\w+)?\.(\w+)", re.IGNORECASE)
# Shipped name (sic), the readme's spelling, and the tables of the repack.
LABEL_FILE = re.compile(r"list_par?tition_label\.txt|(train|test)_labels\.csv", re.IGNORECASE)
LABEL_LINE = re.compile(r"(train|test)_([0-9]{1,9})(?:_aligned)?\.\w+", re.IGNORECASE)
BETWEEN = re.compile(r"[\s,;]+")
N_ATTRIBUTES = 13  # x, y of five points, gender, race, age group

Key = tuple[str, int]  # `train` or `test`, and the number


class Options(Config):
    """How RAF-DB is read."""

    # image: each image is an identity, because people are not named. age-group: the age group in the manual
    # attributes is the identity, as in the age experiment of Kim & Song 2022.
    identity: Literal["image", "age-group"] = "image"
    # aligned: crops of 100 x 100 px, taken whole. original: photographs, with boxes and points.
    images: Literal["aligned", "original"] = "aligned"


@dataclass(frozen=True, slots=True)
class _Attributes:
    """What was annotated by hand."""

    # (5, 2) float32, px of the original image, in the order of `faces.face.Face`
    points: np.ndarray | None = None
    gender: str | None = None
    race: str | None = None
    age_group: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """The files of a copy by content."""

    aligned: dict[Key, list[Path]] = field(default_factory=lambda: defaultdict(list))
    original: dict[Key, list[Path]] = field(default_factory=lambda: defaultdict(list))
    attributes: dict[Key, Path] = field(default_factory=dict)
    boxes: dict[Key, Path] = field(default_factory=dict)
    labels: list[Path] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)
    others: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))  # files of other parts


def read(root: Path, options: Options) -> Iterator[Row]:
    """Read the images of RAF-DB, by split and number.

    Args:
        root: a folder that holds the images, at any depth.
        options: which images, and what an identity is.

    Yields:
        One row per image that exists or has a label; valence and arousal are None.

    Raises:
        MissingError: the folder does not exist or cannot be listed.
        LayoutError: there are no such images or no labels, some occur more than once, or they belong to
            another part.
    """
    found = _find(root)
    alone = not (found.labels or found.aligned or found.original or found.archives)
    pass_over(found.others, alone=alone)
    images = _images(found, root, options)
    words = _labels(found, images, root)
    folder = next(iter(images.values())).parent
    cropped = options.images == "aligned"
    for key in sorted(images.keys() | words.keys()):
        attributes = _read_attributes(found.attributes.get(key))
        name = stem(*key)
        file = images.get(key, folder / f"{name}{'_aligned' if cropped else ''}.jpg")
        expression, reason = _expression(words.get(key, []))
        by_age = options.identity == "age-group"
        yield Row(
            path=file.relative_to(root).as_posix(),
            identity=(attributes.age_group or NO_GROUP) if by_age else name,
            clip=name,
            frame=0,
            cropped=cropped,
            expression=expression,
            age_group=attributes.age_group,
            gender=attributes.gender,
            race=attributes.race,
            points=None if cropped else attributes.points,
            box=None if cropped else _read_box(found.boxes.get(key)),
            split=SPLITS[key[0]],
            reason=reason if key in images else "no image",
        )


def _find(root: Path) -> _Found:
    """Find all files of RAF-DB."""
    found = _Found()
    for folder, names in files.walk(root):
        if part := other_part(folder, root):
            found.others[part] += [folder / name for name in names if _belongs(name)]
            continue
        for name in names:
            file = folder / name
            if LABEL_FILE.fullmatch(name):
                found.labels.append(file)
            elif files.is_archive(name):
                found.archives.append(file)
            elif match := SAMPLE.fullmatch(name):
                _sort_in(file, match, found)
    return found


def _belongs(name: str) -> bool:
    return bool(LABEL_FILE.fullmatch(name) or SAMPLE.fullmatch(name))


def _sort_in(file: Path, match: re.Match[str], found: _Found) -> None:
    """Store a file that is named after a sample."""
    key, part, suffix = _key(match), (match[3] or "").lower(), match[4].lower()
    if suffix in IMAGES and part in ("", "_aligned"):
        (found.aligned if part else found.original)[key].append(file)
    elif suffix == "txt" and part == "_manu_attri":
        found.attributes.setdefault(key, file)
    elif suffix == "txt" and part == "_boundingbox":
        found.boxes.setdefault(key, file)


def _key(match: re.Match[str]) -> Key:
    return match[1].lower(), int(match[2])


def _images(found: _Found, root: Path, options: Options) -> dict[Key, Path]:
    """Choose the images, and refuse duplicates."""
    candidates = found.aligned if options.images == "aligned" else found.original
    if not candidates:
        other = "original" if options.images == "aligned" else "aligned"
        n_other = len(found.original if options.images == "aligned" else found.aligned)
        n_archives = len(found.archives)
        met = [counted(n_other, f"{other} image")] * (n_other > 0)
        met += [counted(n_archives, "archive")] * (n_archives > 0)
        wanted = "train_00001_aligned.jpg" if options.images == "aligned" else "train_00001.jpg"
        raise LayoutError(
            f"no {options.images} images ({wanted}) under {root}"
            + (f", but {' and '.join(met)}" if met else ""),
            hint=f"read these with --set dataset.images={other}"
            if n_other
            else "unpack the archives"
            if found.archives
            else "pass the folder that holds Image/ and EmoLabel/",
        )
    # `train_00001.jpg` and `train_00001.png` in one folder are one image; in two folders, two copies.
    repeated = [key for key, copies in candidates.items() if len({file.parent for file in copies}) > 1]
    if repeated:
        where = ", ".join(map(str, candidates[repeated[0]]))
        raise LayoutError(
            f"{counted(len(repeated), 'image')} found more than once under {root}; "
            f"{stem(*repeated[0])} is in {where}",
            hint="pass the folder of one copy",
        )
    written = (SAMPLE.fullmatch(file.name) for copies in candidates.values() for file in copies)
    refuse_compound(((match[1], match[2], "") for match in written if match), where=f"an image under {root}")
    return {key: copies[0] for key, copies in candidates.items()}


def _labels(found: _Found, images: Mapping[Key, Path], root: Path) -> dict[Key, list[str]]:
    """The classes of each image as written; several if sources disagree. Refuses two label files."""
    parts = Counter(LABEL_FILE.fullmatch(file.name)[1] for file in found.labels)  # type: ignore[index]
    if max(parts.values(), default=0) > 1 or (None in parts and len(parts) > 1):
        raise LayoutError(
            f"found {len(found.labels)} label files under {root}, expected one: "
            f"{', '.join(map(str, found.labels))}",
            hint="keep one of them, or pass the folder of one copy",
        )
    words: dict[Key, list[str]] = defaultdict(list)
    for file in found.labels:
        for key, word in _read_labels(file):
            if word not in words[key]:
                words[key].append(word)
    for key, file in images.items():
        word = file.parent.name
        sorted_by_class = file.parent.parent.name.lower() in SPLITS and word.isdecimal()
        if sorted_by_class:
            refuse_compound([(key[0], "", word)], where=str(file.parent))
            if word not in words[key]:
                words[key].append(word)
    if not any(words.values()):
        raise LayoutError(
            f"no labels under {root}; expected list_patition_label.txt, list_partition_label.txt, "
            "train_labels.csv, or images in folders {train,test}/<1-7>",
            hint="pass the folder that holds both Image/ and EmoLabel/",
        )
    return {key: found for key, found in words.items() if found}


def _read_labels(file: Path) -> Iterator[tuple[Key, str]]:
    """Samples and their classes as written; lists of other parts are refused."""
    found = []
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        for line in lines:
            name, *fields = BETWEEN.split(line.strip())
            if match := LABEL_LINE.fullmatch(name):  # not a header
                refuse_distribution(fields, where=str(file))
                found.append((match, fields[0] if fields else ""))
    refuse_compound(((match[1], match[2], word) for match, word in found), where=str(file))
    return ((_key(match), word) for match, word in found)


def _expression(words: Sequence[str]) -> tuple[str | None, str | None]:
    """The class of expression, or the drop reason."""
    if not any(words):
        return None, "no label"
    if len(words) > 1:
        return None, f"labels disagree: {', '.join(sorted(words))}"
    [word] = words
    if not word.isdecimal():
        return None, f"label is not a number: {word!r:.40}"
    if int(word) not in EXPRESSIONS:
        return None, f"label out of range: {word:.40}, expected 1 to 7"
    return EXPRESSIONS[int(word)], None


def _read_attributes(file: Path | None) -> _Attributes:
    """The manual attributes of a sample; empty if missing or malformed."""
    values = _numbers(file)
    if values is None or len(values) != N_ATTRIBUTES:
        return _Attributes()
    # Eyes, nose, mouth corners; `Face` expects the eye and the corner on the image's left first.
    points = values[:10].astype(np.float32).reshape(5, 2)
    for pair in ([0, 1], [3, 4]):
        points[pair] = points[pair][np.argsort(points[pair, 0], kind="stable")]
    gender, race, age = values[10:].tolist()
    return _Attributes(points, GENDERS.get(gender), RACES.get(race), AGE_GROUPS.get(age))


def _read_box(file: Path | None) -> tuple[float, float, float, float] | None:
    """The box of a sample, None if missing or without area."""
    values = _numbers(file)
    if values is None or len(values) != 4:
        return None
    x0, y0, x1, y1 = values.tolist()
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _numbers(file: Path | None) -> np.ndarray | None:
    """The numbers in a file, None if it is missing or has anything but finite numbers."""
    if file is None:
        return None
    try:
        values = np.array(BETWEEN.split(file.read_text(encoding="utf-8-sig").strip()), np.float64)
    except (OSError, ValueError):
        return None
    return values if np.isfinite(values).all() else None
