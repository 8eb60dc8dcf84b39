"""AffectNet, release of 2017: photographs from the web, named and labelled by CSV lists.

    Manually_Annotated/Manually_Annotated_Images/<number>/<56 hexadecimal digits>.<suffix>
    Manually_Annotated_file_lists/training.csv  validation.csv
    Automatically_Annotated/Automatically_Annotated_Images/...
    Automatically_annotated_file_list/automatically_annotated.csv

Lists are found by name at any depth, images below any folder that has numbered folders.
There are no identities; ages may come from further CSV files.
"""

import math
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from elimctl.config import Config
from elimctl.datasets import affectnet_lists
from elimctl.datasets.affectnet_labels import expression, points, valence_arousal
from elimctl.datasets.affectnet_lists import COLUMNS, LISTS
from elimctl.datasets.ages import GROUPS, Ages, Bins, group, parse
from elimctl.datasets.raw.csv_rows import Table, inside
from elimctl.datasets.raw.listed_images import ListedImages
from elimctl.datasets.raw.lookup import AmbiguousNameError
from elimctl.errors import ConfigError
from elimctl.manifest.row import NO_GROUP, Row

LABEL_SCALE = 1  # shipped in [-1, 1]


class Options(Config):
    """How AffectNet is read."""

    # image: each image is an identity. age-group: the images of one group of ages are, as in ELIM-Age
    # (Kim & Song 2022, section 4.4).
    identity: Literal["image", "age-group"] = "image"
    # Annotation of the training images; validation.csv, annotated manually, is always read.
    annotated: Literal["manual", "automatic", "both"] = "manual"
    # A CSV file of ages or a folder of them; None: `training_age.csv` and the like below the root.
    ages: Path | None = None
    bins: Bins = GROUPS  # boundaries of the age groups, years


def read(root: Path, options: Options) -> Iterator[Row]:
    """Read the images of AffectNet, in the order of its lists.

    Args:
        root: a folder that holds the lists and the images, at any depth.
        options: which lists, what an identity is, and where the ages are.

    Yields:
        One row per record of a list; the clip is the image's path in the list, without its suffix.

    Raises:
        MissingError: the folder or a list does not exist or cannot be read.
        LayoutError: there is no list, a list or the images occur twice, or a list lacks columns.
        ConfigError: identities are age groups and there are no ages, or the ages do not fit the lists.
        DataError: a list is not a valid CSV file.
    """
    found = affectnet_lists.find(root)
    chosen = affectnet_lists.choose(found, options.annotated)
    tables = {name: affectnet_lists.open_list(file) for name, file in chosen.items()}
    with Ages(found.ages if options.ages is None else [options.ages], lists=tuple(LISTS)) as ages:
        listed = any("age" in table.columns for table in tables.values())
        if options.identity == "age-group" and not ages and not listed:
            raise ConfigError(
                f"--identity age-group needs ages, but there are none under {root}",
                hint="add --ages FILE: a CSV file of ages, or a folder of them",
            )
        for name, table in tables.items():
            images = ListedImages(root, affectnet_lists.places(found, name))
            yield from _read_list(name, table, images, ages, options)
        ages.check()


def _read_list(name: str, table: Table, images: ListedImages, ages: Ages, options: Options) -> Iterator[Row]:
    """Rows of one list."""
    records = ages.beside(name, table.select(*COLUMNS))
    for number, (record, given_age) in enumerate(records, start=1):
        shipped, x, y, width, height, landmarks, class_number, valence, arousal, listed_age = record
        path = inside(shipped)
        found, ambiguous = _find(images, path)
        labels, label_reason = valence_arousal(valence, arousal)
        emotion, class_reason = expression(class_number)
        reason = ambiguous or _path_reason(shipped, path, found) or label_reason or class_reason
        # A record without a valid path is named by its position in the list.
        clip = posixpath.splitext(path)[0] if path else f"{name}.csv, row {number}"
        age = given_age or (ages.of(path, path.rpartition("/")[2]) if path else None) or parse(listed_age)
        age_group = group(age, options.bins)
        yield Row(
            path=found or (images.missing(path) if path else clip),
            identity=clip if options.identity == "image" else age_group or NO_GROUP,
            clip=clip,
            frame=0,
            valence=labels[0],
            arousal=labels[1],
            expression=emotion,
            age=age,
            age_group=age_group,
            box=_box(x, y, width, height),
            landmarks=_landmarks(landmarks) if reason is None else None,
            split=LISTS[name],
            reason=reason,
        )


def _find(images: ListedImages, path: str | None) -> tuple[str | None, str | None]:
    """The image of a path, or None, and the drop reason if several match."""
    try:
        return images.find(path) if path else None, None
    except AmbiguousNameError as error:
        return None, str(error)


def _path_reason(shipped: str, path: str | None, found: str | None) -> str | None:
    """Drop reason for a record without an image."""
    if found:
        return None
    if path:
        return "no image"
    return f"path leaves the root: {shipped:.200}" if shipped else "no path"


def _box(x: str, y: str, width: str, height: str) -> tuple[float, float, float, float] | None:
    """The face box, None if missing or without area; it may exceed the image."""
    try:
        x0, y0, w, h = float(x), float(y), float(width), float(height)
    except ValueError:  # NULL, or empty
        return None
    usable = w > 0 and h > 0 and all(map(math.isfinite, (x0, y0, x0 + w, y0 + h)))
    return (x0, y0, x0 + w, y0 + h) if usable else None


def _landmarks(text: str) -> np.ndarray | None:
    """68 points from `x;y;x;y...`, None if missing or malformed."""
    try:
        return points(map(float, text.split(";")))
    except ValueError:
        return None
