"""Synthetic datasets of AffectNet's 8-class release: crops of synthetic faces, and files of labels."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from elimctl.config import Config
from elimctl.synthetic.affectnet8_defects import spoil
from elimctl.synthetic.people import write_image
from elimctl.synthetic.stills import Still, draw_stills

FIRST_NUMBERS = (0, 1, 2, 5, 7, 10, 100)  # whose order as text is another
CROP = 1.25  # side of a crop, in sides of the face's box
# Folders of the sets for training and validation, by layout.
LAYOUTS = {
    "official": ("train_set", "val_set"),
    "nested": ("train_set/train_set", "val_set/val_set"),
    "valid": ("AffectNet/train_set", "AffectNet/valid_set"),
    "validation": ("train_set", "validation_set"),
    "joint": ("train_and_val_set/train_set", "train_and_val_set/val_set"),
}
TYPES = {"train": np.dtype("<U20"), "val": np.dtype(np.float64)}  # of the labels: text and numbers both occur


class Options(Config):
    """What a synthetic dataset holds."""

    people: int = Field(default=24, ge=1)  # shown in turn; a quarter of them in the validation set
    clips: int = Field(default=24, ge=1)  # clips x frames is the number of images
    frames: int = Field(default=4, ge=1)
    identity_shift: float = Field(default=0.5, ge=0, le=1)  # how much resting faces and expressiveness differ
    width_px: int = Field(default=224, ge=24)  # as the dataset has them
    height_px: int = Field(default=224, ge=24)
    layout: Literal["official", "nested", "valid", "validation", "joint"] = "official"
    ages: bool = False  # writes ages.csv with names and ages beside the sets
    defects: bool = False  # add the defects of real copies; see affectnet8_defects.py


def write(root: Path, rng: np.random.Generator, options: Options) -> None:
    """Write a small tree in the layout of the 8-class release, with crops of synthetic faces.

    Raises:
        ConfigError: there are fewer images than identities, or too few to show all defects.
    """
    folders = dict(zip(("train", "val"), (root / folder for folder in LAYOUTS[options.layout]), strict=True))
    numbers: dict[str, Iterator[int]] = defaultdict(_numbers)  # each set counts on its own
    ages = ["name,age\n"]
    for still in draw_stills(
        rng,
        identities=options.people,
        images=options.clips * options.frames,
        identity_shift=options.identity_shift,
        width_px=options.width_px,
        height_px=options.height_px,
    ):
        number = next(numbers[still.split])
        _write_sample(folders[still.split], number, still)
        ages.append(f"{still.split}/{number},{still.age}\n")
    if options.ages:
        (root / "ages.csv").write_text("".join(ages), encoding="utf-8")
    if options.defects:
        spoil(folders["train"])


def _numbers() -> Iterator[int]:
    """Numbers that ascend and have gaps."""
    return chain(FIRST_NUMBERS, (number for number in count(101) if number % 3))


def _write_sample(folder: Path, number: int, still: Still) -> None:
    """Write the crop of a face and its labels."""
    images, annotations = folder / "images", folder / "annotations"
    for made in (images, annotations):
        made.mkdir(parents=True, exist_ok=True)
    crop, landmarks = _crop(still)
    write_image(images / f"{number}.jpg", crop)
    values = {"exp": still.expression, "val": still.valence, "aro": still.arousal}
    for kind, value in values.items():
        shipped = np.array(str(value)).astype(TYPES[still.split])
        np.save(annotations / f"{number}_{kind}.npy", shipped, allow_pickle=False)
    np.save(annotations / f"{number}_lnd.npy", landmarks.ravel().round(2), allow_pickle=False)


def _crop(still: Still) -> tuple[np.ndarray, np.ndarray]:
    """The face enlarged to the size of the picture, and its landmarks there."""
    height, width = still.drawing.image.shape[:2]
    x0, y0, x1, y1 = still.drawing.box
    scale = 1 / (CROP * max((x1 - x0) / width, (y1 - y0) / height))
    shift = np.array([width, height]) / 2 - scale * np.array([x0 + x1, y0 + y1]) / 2
    enlarge = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    crop = cv2.warpAffine(still.drawing.image, enlarge, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return crop, still.drawing.landmarks * scale + shift
