"""AffectNet, release of 2021 with 8 classes: crops of faces, and four small files of labels for each.

    train_set/images/<number>.jpg
    train_set/annotations/<number>_exp.npy  <number>_val.npy  <number>_aro.npy  <number>_lnd.npy
    val_set/...

The numbers have gaps, and a number means different pictures in different sets. Sets and their two folders may
lie at any depth. Without label files, labels may come from CSV lists (affectnet8_lists.py). There are no
identities; ages may come from a CSV file with names.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import numpy as np

from elimctl.config import Config
from elimctl.datasets import affectnet8_sets
from elimctl.datasets.affectnet8_lists import Lists
from elimctl.datasets.affectnet8_sets import NumberedSet
from elimctl.datasets.affectnet_labels import expression, points, valence_arousal
from elimctl.datasets.ages import GROUPS, Ages, Bins, group
from elimctl.datasets.raw.npy import read_npy
from elimctl.errors import ConfigError
from elimctl.manifest.row import NO_GROUP, Row

# Valence and arousal, the class, and the drop reason.
Parsed = tuple[tuple[float | None, float | None], str | None, str | None]
LABEL_SCALE = 1  # shipped in [-1, 1]
NOTE = (
    "this release has 3,999 validation images, none of the class `none`; the protocol of Kim & Song 2022 has "
    "4,500 of the release of 2017: figures on the two cannot be compared one to one"
)


class Options(Config):
    """How the 8-class release of AffectNet is read."""

    # image: each image is an identity. age-group: the images of one group of ages are, as in ELIM-Age
    # (Kim & Song 2022, section 4.4).
    identity: Literal["image", "age-group"] = "image"
    # A CSV file of ages with names (`train/12`, or the path of the image), or a folder of them. The
    # files of Kim & Song have no names and follow the lists of the 2017 release, so they cannot be used here.
    ages: Path | None = None
    bins: Bins = GROUPS  # boundaries of the age groups, years


def read(root: Path, options: Options) -> Iterator[Row]:
    """Read the images of each set, by number.

    Args:
        root: a folder that holds the sets, at any depth, or a set.
        options: what an identity is, and where the ages are.

    Yields:
        One row per number that has an image or an annotation; the clip is `<split>/<number>`.

    Raises:
        MissingError: the folder, or the file of ages, does not exist or cannot be read.
        LayoutError: there is no set, a set occurs twice, or a folder's name does not tell its set.
        ConfigError: identities are age groups and there are no ages, or the ages have no names that fit.
    """
    found = affectnet8_sets.find(root)
    if options.identity == "age-group" and options.ages is None:
        raise ConfigError(
            "--identity age-group needs ages, but --ages is not given",
            hint="add --ages FILE: a CSV file with a name (such as train/12) and an age for each image",
        )
    splits = [numbered.split for numbered in found.sets]
    with (
        Ages([] if options.ages is None else [options.ages]) as ages,
        closing(Lists(root, found.lists, splits)) as lists,
    ):
        for numbered in found.sets:
            yield from _read_set(numbered, root, ages, lists, options)
        ages.check()


def _read_set(numbered: NumberedSet, root: Path, ages: Ages, lists: Lists, options: Options) -> Iterator[Row]:
    """Rows of one set, by number."""
    images = numbered.images.relative_to(root).as_posix()
    listed = lists.numbers(numbered.split) if numbered.annotations is None else None
    for number, suffix, annotated in affectnet8_sets.numbers(numbered, listed):
        clip = f"{numbered.split}/{number}"
        path = f"{images}/{number}{suffix or '.jpg'}"
        stem = f"{os.fspath(numbered.annotations)}/{number}" if numbered.annotations else None
        if stem is not None:
            labels, emotion, label_reason = _labels(stem)
        else:
            labels, emotion, label_reason = _listed(lists, numbered.split, number, annotated=annotated)
        reasons = (
            None if suffix else "no image",
            None if annotated else "no annotation",
            label_reason,
        )
        reason = next((reason for reason in reasons if reason), None)
        age = ages.of(clip, path)
        age_group = group(age, options.bins)
        yield Row(
            path=path,
            identity=clip if options.identity == "image" else age_group or NO_GROUP,
            clip=clip,
            frame=0,
            cropped=True,
            valence=labels[0],
            arousal=labels[1],
            expression=emotion,
            age=age,
            age_group=age_group,
            landmarks=_landmarks(f"{stem}_lnd.npy") if stem and reason is None else None,
            split=numbered.split,
            reason=reason,
        )


def _labels(stem: str) -> Parsed:
    """Valence and arousal, the class, and the drop reason, if any."""
    try:
        valence, arousal = (_value(f"{stem}_{kind}.npy") for kind in ("val", "aro"))
        shipped_class = _value(f"{stem}_exp.npy", missing="")
    except _UnusableError as error:
        return (None, None), None, str(error)
    return _parsed(shipped_class, valence, arousal)


def _listed(lists: Lists, split: str, number: int, *, annotated: bool) -> Parsed:
    """Labels from a list, in the form of `_labels`."""
    shipped = lists.find(split, number) if annotated else None
    if shipped is None:
        return (None, None), None, "labels disagree: listed twice" if annotated else None
    return _parsed(*shipped)


def _parsed(shipped_class: str, valence: str, arousal: str) -> Parsed:
    labels, label_reason = valence_arousal(valence, arousal)
    emotion, class_reason = expression(shipped_class)
    return labels, emotion, label_reason or class_reason


class _UnusableError(Exception):
    """A file of labels cannot be used; the text is the drop reason."""


def _value(file: str, *, missing: str | None = None) -> str:
    """The single value of a .npy file as text; `missing` if there is no file (an error if it is None)."""
    name = os.path.basename(file)  # noqa: PTH119
    try:
        value = read_npy(file, size=1)[0].item()
    except FileNotFoundError:
        if missing is not None:
            return missing
        raise _UnusableError(f"no annotation file: {name}") from None
    except OSError as error:
        raise _UnusableError(f"unreadable annotation file: {name}: {error.strerror}") from None
    except ValueError as error:
        raise _UnusableError(f"broken annotation file: {name}: {error}") from None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value).strip()


def _landmarks(file: str) -> np.ndarray | None:
    """68 points of a crop, None if missing or malformed."""
    try:
        return points(read_npy(file, size=136).astype(np.float64))
    except (OSError, ValueError, TypeError):
        return None
