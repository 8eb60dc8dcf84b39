"""A synthetic dataset of RAF-DB: synthetic faces in its folders, with labels and annotations."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from elimctl.config import Config
from elimctl.datasets.raf_db_names import AGE_GROUPS, EXPRESSIONS, GENDERS, RACES, stem
from elimctl.synthetic.face.drawing import Drawing, draw_face, draw_view
from elimctl.synthetic.people import draw_people, write_image
from elimctl.synthetic.raf_db_defects import spoil

ALIGNED_PX = 100
# Valence and arousal at which a class of expression is drawn.
FEELINGS = {
    "surprise": (0.2, 0.8),
    "fear": (-0.6, 0.75),
    "disgust": (-0.65, 0.2),
    "happiness": (0.8, 0.4),
    "sadness": (-0.7, -0.5),
    "anger": (-0.5, 0.6),
    "neutral": (0.0, 0.0),
}
SPREAD = 0.1  # of an image around them, standard deviation

Layout = Literal["basic", "imgs", "zips", "kaggle"]
FOLDERS: dict[str, tuple[str, str]] = {  # of the aligned and the original images
    "basic": ("basic/Image/aligned", "basic/Image/original"),
    "imgs": ("basic/Image/aligned/imgs", "basic/Image/original/imgs"),
    "zips": ("basic/Image/aligned.zip/aligned", "basic/Image/original.zip/original"),
}


class Options(Config):
    """What a synthetic dataset holds."""

    people: int = Field(default=12, ge=1)  # a third of them are in `test`, and nobody in both parts
    clips: int = Field(default=12, ge=1, le=300)  # clips x frames is the number of images
    frames: int = Field(default=6, ge=1, le=300)
    identity_shift: float = Field(default=0.5, ge=0, le=1)  # how much resting faces and expressiveness differ
    width_px: int = Field(default=180, ge=72)  # of the original images
    height_px: int = Field(default=200, ge=72)
    # basic: as unpacked. imgs: images one folder deeper. zips: in folders named as the archives. kaggle: the
    # repack, aligned images only, sorted by class.
    layout: Layout = "basic"
    defects: bool = False  # add the defects of real copies; see raf_db_defects.py


@dataclass(frozen=True, slots=True)
class _Sample:
    """One image to write.

    Args:
        name: as shipped, without a suffix.
        code: class of expression, 1 to 7.
        attributes: gender, race and group of ages, by number.
    """

    name: str
    code: int
    attributes: tuple[int, ...]
    drawing: Drawing


def write(root: Path, rng: np.random.Generator, options: Options) -> None:
    """Write a small tree in the layout of RAF-DB, with synthetic faces.

    Raises:
        ConfigError: there are too few images to show all defects.
    """
    write = _write_repacked if options.layout == "kaggle" else _write_shipped
    labels = {"train": "", "test": ""}
    for sample in _draw(rng, options):
        write(root, sample, options.layout)
        part, _, _ = sample.name.partition("_")
        if options.layout == "kaggle":
            labels[part] += f"{sample.name}_aligned.jpg,{sample.code}\n"
        else:
            labels[part] += f"{sample.name}.jpg {sample.code}\n"
    if options.layout == "kaggle":
        for part, lines in labels.items():
            (root / f"{part}_labels.csv").write_text(f"image,label\n{lines}", encoding="utf-8")
    else:
        _write(root / "basic/EmoLabel/list_patition_label.txt", labels["train"] + labels["test"])
    if options.defects:
        spoil(root, repacked=options.layout == "kaggle")


def _draw(rng: np.random.Generator, options: Options) -> Iterator[_Sample]:
    """The images, dealt to the identities in turn; classes take turns too."""
    # Streams of their own: a face does not change with the number of images.
    faces, images, traits = rng.spawn(3)
    identities = draw_people(faces, identities=options.people, identity_shift=options.identity_shift)
    attributes = [
        tuple(int(trait.integers(len(names))) for names in (GENDERS, RACES, AGE_GROUPS))
        for trait in traits.spawn(options.people)
    ]
    n_train = max(1, options.people - max(1, options.people // 3))
    numbers = {"train": 0, "test": 0}
    for count, image in enumerate(images.spawn(options.clips * options.frames)):
        turn, identity = divmod(count, options.people)
        code = (3 * turn + identity) % len(EXPRESSIONS) + 1  # 3 and 7 are coprime: everyone shows all
        valence, arousal = np.clip(image.normal(FEELINGS[EXPRESSIONS[code]], SPREAD), -1, 1).tolist()
        drawing = draw_face(
            identities[identity],
            draw_view(image),
            valence=valence,
            arousal=arousal,
            width_px=options.width_px,
            height_px=options.height_px,
        )
        part = "train" if identity < n_train else "test"
        numbers[part] += 1
        yield _Sample(stem(part, numbers[part]), code, attributes[identity], drawing)


def _write_shipped(root: Path, sample: _Sample, layout: str) -> None:
    """Write both images and all annotations of a sample."""
    aligned, original = (root / folder for folder in FOLDERS[layout])
    _write_jpeg(aligned / f"{sample.name}_aligned.jpg", _align(sample.drawing))
    _write_jpeg(original / f"{sample.name}.jpg", sample.drawing.image)
    notes = root / "basic/Annotation"
    points = [f"{x:.2f}\t{y:.2f}" for x, y in _five(sample.drawing.landmarks).tolist()]
    lines = [*points, *map(str, sample.attributes)]
    _write(notes / f"manual/{sample.name}_manu_attri.txt", "\n".join(lines) + "\n")
    points = [f"{x:.2f}\t{y:.2f}" for x, y in sample.drawing.landmarks[:37].tolist()]
    _write(notes / f"auto/{sample.name}_auto_attri.txt", "\n".join(points) + "\n")
    box = " ".join(f"{value:.6f}" for value in sample.drawing.box)
    _write(notes / f"boundingbox/{sample.name}_boundingbox.txt", box + "\n")


def _write_repacked(root: Path, sample: _Sample, layout: str) -> None:  # noqa: ARG001
    """Write the aligned image of a sample, sorted by part and class."""
    part, _, _ = sample.name.partition("_")
    file = root / "DATASET" / part / str(sample.code) / f"{sample.name}_aligned.jpg"
    _write_jpeg(file, _align(sample.drawing))


def _align(drawing: Drawing) -> np.ndarray:
    """The face of a drawing, in a square of 100 px."""
    x0, y0, x1, y1 = drawing.box
    half = 0.6 * max(x1 - x0, y1 - y0)
    scale = ALIGNED_PX / (2 * half)
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    place = np.array([[scale, 0, scale * (half - middle_x)], [0, scale, scale * (half - middle_y)]])
    return cv2.warpAffine(
        drawing.image,
        place,
        (ALIGNED_PX, ALIGNED_PX),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _five(landmarks: np.ndarray) -> np.ndarray:
    """Eyes, nose and corners of the mouth (5, 2) of 68 landmarks in the order of iBUG 300-W."""
    eyes = [landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)]
    return np.array([*eyes, landmarks[30], landmarks[48], landmarks[54]])


def _write_jpeg(file: Path, image: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_image(file, image)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
