"""Defects of real copies of AffectNet, applied to a synthetic dataset."""

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from elimctl.synthetic.people import too_small

PATH = "subDirectory_filePath"
# What records say that is amiss, or only unusual; one record each.
IN_LIST: tuple[dict[str, str], ...] = (
    {"face_x": "NULL", "face_y": "NULL", "face_width": "NULL", "face_height": "NULL"},
    {"face_x": "", "face_y": "", "face_width": "", "face_height": ""},
    {"face_width": "-120"},
    {"face_x": "-20", "face_width": "5000"},  # past both edges of the image: a box still
    {"facial_landmarks": "12.5;NULL;3"},
    {"facial_landmarks": ""},
    {"expression": "8"},  # none: has valence and arousal
    {"expression": "9", "valence": "-2", "arousal": "-2"},
    {"expression": "10", "valence": "-2", "arousal": "-2"},
    {"expression": "9"},  # told by the class alone
    {"valence": "-2", "arousal": "-2.0"},  # told by the value alone
    {"valence": "NULL"},
    {"arousal": "1.5"},
    {"valence": "high"},
    {"expression": "42"},
    {PATH: "/etc/hostname"},
    {PATH: "../../../outside.jpg"},
    {PATH: ""},
)


def spoil(images: Path, training: Path) -> None:
    """Spoil the first records of the training list and their images, and leave junk of operating systems.

    The number of records stays, and with it the order that ages are joined by.

    Args:
        images: folder that the list's paths start from.
        training: a list with a header, and a record for each of `IN_LIST` and of the ways to spoil an image.

    Raises:
        ConfigError: the list is shorter.
    """
    with training.open(encoding="utf-8", newline="") as stream:
        ending = "\r\n" if stream.readline().endswith("\r\n") else "\n"
        stream.seek(0)
        records = list(csv.DictReader(stream))
    if len(records) < len(IN_LIST) + len(IN_IMAGES):
        raise too_small(f"{len(records)} training images", str(len(IN_LIST) + len(IN_IMAGES)))
    for record, change in zip(records, IN_LIST, strict=False):
        record |= change
    for record, way in zip(records[len(IN_LIST) :], IN_IMAGES, strict=False):
        record[PATH] = way(images, record[PATH])
    with training.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, list(records[0]), lineterminator=ending)
        writer.writeheader()
        writer.writerows(records)
    for name in ("Thumbs.db", ".DS_Store", "._0.jpg"):
        (images / "1" / name).write_bytes(b"\0\5\26\7")


def _lost(images: Path, path: str) -> str:
    """No file."""
    (images / path).unlink()
    return path


def _empty(images: Path, path: str) -> str:
    """A file without content."""
    (images / path).write_bytes(b"")
    return path


def _cut_short(images: Path, path: str) -> str:
    """A file that ends in the middle."""
    content = (images / path).read_bytes()
    (images / path).write_bytes(content[: len(content) // 2])
    return path


def _page(images: Path, path: str) -> str:
    """The answer of a server instead of an image."""
    (images / path).write_text("<html>404 Not Found</html>", encoding="utf-8")
    return path


def _other_case(_: Path, path: str) -> str:
    """The list has the suffix in another case than the disk."""
    stem, dot, suffix = path.rpartition(".")
    return stem + dot + suffix.swapcase()


def _converted(images: Path, path: str) -> str:
    """Converted to JPEG, and the list not changed."""
    file = images / path
    cv2.imwrite(str(file.with_name("converted.jpg")), cv2.imread(str(file)))
    file.unlink()
    file.with_name("converted.jpg").rename(file.with_suffix(".jpg"))
    return f"{path.rpartition('.')[0]}.tif"


def _backslash(_: Path, path: str) -> str:
    """A path as Windows writes it."""
    return path.replace("/", "\\")


def _deep(images: Path, path: str) -> str:
    """A TIFF file of 16 bits."""
    file = images / path
    with Image.open(file) as image:
        deep = np.asarray(image.convert("RGB")).astype(np.uint16) * 257
    file.unlink()
    cv2.imwrite(str(file.with_suffix(".tif")), deep)
    return f"{path.rpartition('.')[0]}.tif"


def _transparent(images: Path, path: str) -> str:
    """A PNG file with an alpha channel."""
    file = images / path
    with Image.open(file) as image:
        image.convert("RGBA").save(file.with_suffix(".png"))
    if file.suffix != ".png":
        file.unlink()
    return f"{path.rpartition('.')[0]}.png"


def _inks(images: Path, path: str) -> str:
    """A JPEG file of four inks."""
    file = images / path
    with Image.open(file) as image:
        inks = image.convert("CMYK")
    file.unlink()
    inks.save(file.with_suffix(".jpg"), quality=95)
    return f"{path.rpartition('.')[0]}.jpg"


# Each does something to an image below a folder, and returns the path that the list has then.
IN_IMAGES: tuple[Callable[[Path, str], str], ...] = (
    _lost,
    _empty,
    _cut_short,
    _page,
    _other_case,
    _converted,
    _backslash,
    _deep,
    _transparent,
    _inks,
)
