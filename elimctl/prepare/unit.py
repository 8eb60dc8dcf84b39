"""A unit of work: the rows of one shard, from raw files to the bytes of the shard and what was found.

A unit is named by the hash of all that it depends on, and written atomically: the shard first, then the
record, which marks the unit as finished. Labels and identities do not take part.
"""

import hashlib
import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from elimctl import atomic
from elimctl.errors import DataError, ImageError
from elimctl.faces import align, choose
from elimctl.faces.face import Annotation, Detector, Face
from elimctl.faces.image import decode
from elimctl.manifest import version
from elimctl.manifest.row import Row
from elimctl.prepare.settings import PrepareSettings, recorded
from elimctl.store import zarr


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row.

    Args:
        reason: why it was dropped, None if it was kept.
        source_sha256: of the raw file, None where it was not read.
        width_px: width of the raw image, None where it could not be decoded; `height_px` likewise.
        faces: number of faces found, None where none were sought.
        box: (x0, y0, x1, y1) of the chosen face, px of the raw image; `score` and `points` likewise.
        points: x, y of five points.
    """

    reason: str | None = None
    source_sha256: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    faces: int | None = None
    box: list[float] | None = None
    score: float | None = None
    points: list[float] | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    """The raw file of a row: its content and SHA-256, or the reason why there is none."""

    content: bytes = b""
    sha256: str | None = None
    reason: str | None = None


def run(
    rows: Sequence[Row], root: Path, folder: Path, *, settings: PrepareSettings, detector: Detector
) -> Generator[Outcome, None, str]:
    """Do a unit of work, unless it is done already.

    Args:
        rows: rows of one shard.
        root: the raw root.
        folder: where finished units are.
        settings: how to prepare.
        detector: finds the faces.

    Yields:
        What became of each row, in order.

    Returns:
        The name of the unit, for `read_record` and `shard_file`.

    Raises:
        OSError: the unit could not be written; nothing of it is left.
    """
    sources = [_read(row, root) for row in rows]
    name = _name(rows, sources, settings, detector.digest)
    if record_file(folder, name).exists():
        yield from read_record(folder, name)
        return name
    size_px = settings.crop.size_px
    images = np.zeros((len(rows), size_px, size_px, 3), np.uint8)
    outcomes = []
    for row, source, image in zip(rows, sources, images, strict=True):
        outcome = _extract(source, row, image, settings=settings, detector=detector)
        outcomes.append(outcome)
        yield outcome
    atomic.write_bytes(
        shard_file(folder, name), zarr.encode_shard(images, shard_images=settings.shard_images)
    )
    atomic.write_text(record_file(folder, name), json.dumps([asdict(outcome) for outcome in outcomes]))
    return name


def read_record(folder: Path, name: str) -> list[Outcome]:
    """What became of each row of a finished unit."""
    return [Outcome(**values) for values in json.loads(record_file(folder, name).read_text(encoding="utf-8"))]


def record_file(folder: Path, name: str) -> Path:
    """The file that says what became of the rows of a unit; it exists when the unit is finished."""
    return folder / f"{name}.json"


def shard_file(folder: Path, name: str) -> Path:
    """The shard of a unit, empty where no row was kept."""
    return folder / f"{name}.shard"


def _name(rows: Sequence[Row], sources: Sequence[_Source], settings: PrepareSettings, model: str) -> str:
    """Hash of all that a unit depends on."""
    values = recorded(settings)
    facts = [version.FORMAT, values["detector"], values["crop"], settings.shard_images, model]
    for row, source in zip(rows, sources, strict=True):
        landmarks = None if row.landmarks is None else np.asarray(row.landmarks, "<f4").tobytes().hex()
        facts.append([row.path, landmarks, row.box, row.pixel_aspect, source.sha256, source.reason])
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _read(row: Row, root: Path) -> _Source:
    """Read the raw file of a row, once: what is hashed is what is decoded."""
    if row.reason is not None:
        return _Source(reason=row.reason)
    try:
        content = (root / row.path).read_bytes()
    except OSError as error:
        return _Source(reason=f"unreadable image: {row.path}: {error.strerror}")
    return _Source(content, hashlib.sha256(content).hexdigest())


def _extract(
    source: _Source, row: Row, out: np.ndarray, *, settings: PrepareSettings, detector: Detector
) -> Outcome:
    """Find the face of a row and crop it.

    Args:
        source: the raw file.
        row: the row.
        out: (S, S, 3) zeros, becomes the crop of a row that is kept.
        settings: how to crop.
        detector: finds the faces.
    """
    if source.reason is not None:
        return Outcome(reason=source.reason)
    found: dict[str, Any] = {"source_sha256": source.sha256}
    try:
        image = decode(source.content, where=row.path)
    except ImageError as error:
        return Outcome(reason=f"unreadable image: {error.message}", **found)
    found |= {"height_px": image.shape[0], "width_px": image.shape[1]}
    image, annotation, stretch = _square_pixels(image, row)
    faces = detector.detect(image, annotation)
    found["faces"] = len(faces)
    face = choose.choose(faces, annotation)
    if face is None:
        return Outcome(reason="no face at the annotated place" if faces else "no face found", **found)
    found |= _describe(face, stretch)
    try:
        out[...] = align.crop(image, face, settings.crop)
    except DataError as error:
        return Outcome(reason=f"unusable face: {error.message}", **found)
    return Outcome(**found)


def _square_pixels(image: np.ndarray, row: Row) -> tuple[np.ndarray, Annotation, np.ndarray]:
    """The image and its annotation, stretched so that pixels are square, and the stretch of (x, y)."""
    if row.pixel_aspect == 1.0:
        return image, Annotation(landmarks=row.landmarks, box=row.box), np.ones(2)
    height_px, width_px = image.shape[:2]
    shown_px = round(width_px * row.pixel_aspect)
    stretch = np.array([shown_px / width_px, 1.0])
    x, y = stretch.tolist()
    annotation = Annotation(
        landmarks=None if row.landmarks is None else (row.landmarks * stretch).astype(np.float32),
        box=None if row.box is None else (row.box[0] * x, row.box[1] * y, row.box[2] * x, row.box[3] * y),
    )
    image = cv2.resize(image, (shown_px, height_px), interpolation=cv2.INTER_LINEAR)
    return image, annotation, stretch


def _describe(face: Face, stretch: np.ndarray) -> dict[str, Any]:
    """A face in pixels of the raw image, in float32 as the manifest keeps it."""

    def raw(points: Any) -> list[float]:
        return (np.reshape(points, (-1, 2)) / stretch).astype(np.float32).ravel().tolist()

    return {
        "box": raw(face.box),
        "score": float(np.float32(face.score)),
        "points": None if face.points is None else raw(face.points),
    }
