"""Synthetic datasets of AffectNet's release of 2017: synthetic faces and lists of them."""

import csv
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field

from elimctl.config import Config
from elimctl.synthetic.affectnet_defects import spoil
from elimctl.synthetic.stills import Still, draw_stills

HEADER = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
SUFFIXES = (".jpg", ".jpg", ".png", ".jpg", ".JPG", ".jpeg", ".jpg", ".bmp", ".jpg", ".tif")  # in turn
TINY_DRAWINGS = 64  # pictures that are drawn for a tiny synthetic dataset, if there are not more identities
IMAGES_PER_FOLDER = 300  # as in the dataset
# Folders of images and of lists, by layout.
LAYOUTS = {
    "official": ("Manually_Annotated/Manually_Annotated_Images", "Manually_Annotated_file_lists"),
    "inside": ("Manually_Annotated", "Manually_Annotated"),
    "compressed": (
        "Manually_Annotated_compressed/Manually_Annotated_Images",
        "Manually_Annotated_file_lists",
    ),
    "flat": ("", ""),
    "doubled": ("AffectNet/AffectNet/Manually_Annotated_Images", "AffectNet/AffectNet"),
}
AUTOMATIC = ("Automatically_Annotated/Automatically_Annotated_Images", "Automatically_annotated_file_list")


class Options(Config):
    """What a synthetic dataset holds."""

    people: int = Field(default=24, ge=1)  # shown in turn; a quarter of them in validation.csv
    clips: int = Field(default=24, ge=1)  # clips x frames is the number of images
    frames: int = Field(default=4, ge=1)
    identity_shift: float = Field(default=0.5, ge=0, le=1)  # how much resting faces and expressiveness differ
    width_px: int = Field(default=240, ge=24)  # AffectNet's images are of any size
    height_px: int = Field(default=240, ge=24)
    layout: Literal["official", "inside", "compressed", "flat", "doubled"] = "official"
    validation_header: Literal["none", "names", "hash"] = "none"  # the copies differ; hash: `#` before it
    crlf: bool = False  # lines of the lists end as on Windows
    automatic: bool = False  # every third training image goes to the automatically annotated ones
    # order: a file of ages per list, without names; names: one file with paths; column: in the lists.
    ages: Literal["none", "order", "names", "column"] = "order"
    # A handful of drawings, each in many JPEG files that differ in a comment: fast, for tests of scale.
    tiny: bool = False
    defects: bool = False  # add the defects of real copies; see affectnet_defects.py


@dataclass(frozen=True, slots=True)
class _Picture:
    """A drawn photograph, encoded."""

    still: Still
    suffix: str
    content: bytes


def write(root: Path, rng: np.random.Generator, options: Options) -> None:
    """Write a small tree in the layout of AffectNet, with synthetic faces.

    Raises:
        ConfigError: there are fewer images than identities, or too few to show all defects.
    """
    drawing, naming = rng.spawn(2)
    images, lists = (root / folder for folder in LAYOUTS[options.layout])
    folders = max(3, options.clips * options.frames // IMAGES_PER_FOLDER)
    with ExitStack() as stack:
        writers = _Writers(root, lists, options, stack)
        for number, picture in enumerate(_pictures(drawing, options)):
            automatic = options.automatic and picture.still.split == "train" and number % 3 == 0
            base = root / AUTOMATIC[0] if automatic else images
            name = f"{number % folders + 1}/{naming.bytes(28).hex()}{picture.suffix}"
            (base / name).parent.mkdir(parents=True, exist_ok=True)
            (base / name).write_bytes(picture.content)
            writers.write(name, picture.still, automatic=automatic)
    if options.defects:
        spoil(images, lists / "training.csv")


class _Writers:
    """The lists of a synthetic dataset, and the files of ages beside them, open for writing."""

    def __init__(self, root: Path, lists: Path, options: Options, stack: ExitStack) -> None:
        self._root, self._lists, self._options, self._stack = root, lists, options, stack
        self._open: dict[str, Any] = {}

    def write(self, name: str, still: Still, *, automatic: bool) -> None:
        """Add an image to its list, and its age to where ages are."""
        stem = (
            "automatically_annotated"
            if automatic
            else {"train": "training", "val": "validation"}[still.split]
        )
        (x0, y0, x1, y1) = (round(edge) for edge in still.drawing.box)
        landmarks = ";".join(f"{value:.2f}" for value in still.drawing.landmarks.ravel().tolist())
        record = [name, x0, y0, x1 - x0, y1 - y0, landmarks, still.expression, still.valence, still.arousal]
        column = self._options.ages == "column"
        folder = self._root / AUTOMATIC[1] if automatic else self._lists
        self._writer(folder / f"{stem}.csv", self._header(stem), crlf=self._options.crlf).writerow(
            [*record, still.age] if column else record
        )
        if self._options.ages == "order":
            self._writer(self._root / "age_script" / f"{stem}_age.csv", ["age"], crlf=True).writerow(
                [still.age]
            )
        elif self._options.ages == "names":
            self._writer(self._root / "ages.csv", ["path", "age"], crlf=False).writerow([name, still.age])

    def _header(self, stem: str) -> list[str] | None:
        style = self._options.validation_header if stem == "validation" else "names"
        names = [*HEADER, "age"] if self._options.ages == "column" else list(HEADER)
        return {"none": None, "names": names, "hash": [f"#{names[0]}", *names[1:]]}[style]

    def _writer(self, file: Path, header: list[str] | None, *, crlf: bool) -> Any:
        if file.name not in self._open:
            file.parent.mkdir(parents=True, exist_ok=True)
            stream = self._stack.enter_context(file.open("w", encoding="utf-8", newline=""))
            self._open[file.name] = csv.writer(stream, lineterminator="\r\n" if crlf else "\n")
            if header:
                self._open[file.name].writerow(header)
        return self._open[file.name]


def _pictures(rng: np.random.Generator, options: Options) -> Iterator[_Picture]:
    """The images of a synthetic dataset, each with content of its own."""
    images = options.clips * options.frames
    drawn = min(images, max(options.people, TINY_DRAWINGS)) if options.tiny else images
    stills = draw_stills(
        rng,
        identities=options.people,
        images=drawn,
        identity_shift=options.identity_shift,
        width_px=options.width_px,
        height_px=options.height_px,
    )
    if not options.tiny:
        for number, still in enumerate(stills):
            suffix = SUFFIXES[number % len(SUFFIXES)]
            yield _Picture(still, suffix, _encode(still.drawing.image, suffix))
        return
    contents = [(still, _encode(still.drawing.image, ".jpg")) for still in stills]
    for number in range(images):
        still, content = contents[number % drawn]
        comment = str(number).encode("ascii")
        segment = b"\xff\xfe" + (2 + len(comment)).to_bytes(2, "big") + comment
        yield _Picture(still, ".jpg", content[:2] + segment + content[2:])  # after the start-of-image marker


def _encode(image: np.ndarray, suffix: str) -> bytes:
    """An image (H, W, 3) uint8 RGB as a file of the format of a suffix."""
    _, encoded = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()
