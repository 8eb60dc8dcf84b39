"""A small raw tree for the tests of this room; no faces are needed, the annotation says where they are."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from elimctl.datasets import afew_va
from elimctl.faces.align import CropOptions
from elimctl.faces.face import Annotation, Face
from elimctl.faces.options import DetectorOptions
from elimctl.prepare.plan import Plan, arrange
from elimctl.prepare.settings import PrepareSettings

CLIPS, FRAMES = 7, 4


class Fixed:
    """A detector that finds the same faces in every image, and keeps what it was shown."""

    digest = "fixed"

    def __init__(self, *faces: Face) -> None:
        self.faces = list(faces)
        self.seen: list[tuple[np.ndarray, Annotation | None]] = []

    def detect(self, image: np.ndarray, annotation: Annotation | None = None) -> list[Face]:
        self.seen.append((image, annotation))
        return self.faces


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """7 clips of 4 frames of noise: one is empty, one is no image, one has a place outside, one no label."""
    root = tmp_path / "raw"
    rng = np.random.default_rng(0)
    for clip in range(1, CLIPS + 1):
        folder = root / "01" / f"{clip:03d}"
        folder.mkdir(parents=True)
        frames = {}
        for frame in range(FRAMES):
            cv2.imwrite(str(folder / f"{frame:05d}.png"), rng.integers(0, 256, (24, 30, 3), dtype=np.uint8))
            landmarks = rng.uniform((8, 6), (22, 20), (68, 2)).round(2).tolist()
            frames[f"{frame:05d}"] = {"valence": clip, "arousal": -frame, "landmarks": landmarks}
        if clip == 2:
            (folder / "00001.png").write_bytes(b"")
            (folder / "00002.png").write_bytes(b"no image")
            frames["00003"]["landmarks"] = [[1000.0 + i, 1000.0 + i] for i in range(68)]
        if clip == 3:
            frames["00000"] = {}
            del frames["00001"]["landmarks"]
        content = {"actor": f"Actor {clip % 3:02d}", "frames": frames}
        (folder / f"{clip:03d}.json").write_text(json.dumps(content), encoding="utf-8")
    return root


@pytest.fixture
def make_plan(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Plan]:
    """A function that plans the preparation of `raw` with the annotation detector."""

    def make(*, size_px: int = 16, identity: Any = "clip", **settings: Any) -> Plan:
        options = afew_va.Options(identity=identity)
        given = {
            "detector": DetectorOptions(name="annotation"),
            "crop": CropOptions(size_px=size_px),
            "shard_images": 5,
            "workers": 1,
        }
        return arrange(
            afew_va.read(raw, options),
            raw,
            PrepareSettings(**(given | settings)),
            dataset="afew-va",
            options=options,
            scratch=tmp_path_factory.mktemp("plan") / "rows",
        )

    return make


@pytest.fixture
def content() -> Callable[[Path], dict[str, bytes]]:
    """A function that gives all files below a folder with their bytes."""

    def read(folder: Path) -> dict[str, bytes]:
        return dict(_files(folder))

    return read


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file.relative_to(folder).as_posix(), file.read_bytes()
