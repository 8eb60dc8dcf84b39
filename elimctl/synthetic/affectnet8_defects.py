"""Defects of real copies of AffectNet's 8-class release, applied to a synthetic dataset."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from elimctl.synthetic.people import too_small


def spoil(folder: Path) -> None:
    """Spoil the first samples of a set, each in a way of its own, and leave the junk of operating systems.

    Args:
        folder: of a set, with a sample for each of `WAYS`, which name what is done.

    Raises:
        ConfigError: there are fewer samples.
    """
    numbers = sorted(int(file.stem) for file in (folder / "images").glob("*.jpg"))
    if len(numbers) < len(WAYS):
        raise too_small(f"{len(numbers)} training images", str(len(WAYS)))
    for number, way in zip(numbers, WAYS.values(), strict=False):
        way(folder / "images" / f"{number}.jpg", folder / "annotations" / str(number))
    for name in ("Thumbs.db", ".DS_Store", "._0.jpg", "readme.txt"):
        for below in ("images", "annotations"):
            (folder / below / name).write_bytes(b"\0\5\26\7")


def _label(kind: str, value: Any) -> Callable[[Path, Path], None]:
    """A way to spoil a sample: other content in one of its files of labels.

    Args:
        kind: of the file.
        value: array to save, bytes to write, or None for no file.
    """

    def change(_: Path, stem: Path) -> None:
        file = stem.with_name(f"{stem.name}_{kind}.npy")
        if isinstance(value, bytes):
            file.write_bytes(value)
        elif value is None:
            file.unlink()
        else:
            np.save(file, value, allow_pickle=True)

    return change


def _no_image(image: Path, _: Path) -> None:
    image.unlink()


def _no_annotation(_: Path, stem: Path) -> None:
    for file in stem.parent.glob(f"{stem.name}_*.npy"):
        file.unlink()


def _cut_short(image: Path, _: Path) -> None:
    content = image.read_bytes()
    image.write_bytes(content[: len(content) // 2])


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "whole": lambda _, __: None,
    "no image": _no_image,
    "no annotation": _no_annotation,
    "image cut short": _cut_short,
    "no landmarks": _label("lnd", None),
    "135 landmarks": _label("lnd", np.zeros(135)),
    "no arousal": _label("aro", None),
    "no class": _label("exp", None),
    "Python object": _label("val", np.array(0.5, dtype=object)),
    "empty file": _label("val", b""),
    "two values": _label("aro", np.zeros(2)),
    "one value in a row": _label("aro", np.array([0.25])),
    "sentinel": _label("val", np.array("-2")),
    "out of range": _label("aro", np.array(1.5)),
    "word": _label("val", np.array("high")),
    "no such class": _label("exp", np.array("11")),
}
