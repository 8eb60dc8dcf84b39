"""From the image of a row to the crop of its face."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from elimctl.errors import DataError
from elimctl.faces import align, choose
from elimctl.faces.annotation import five_points
from elimctl.faces.face import Annotation, Box, Detector, Face
from elimctl.manifest.row import Row
from elimctl.prepare.settings import PrepareSettings


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
        crop_points: x, y of the same in the crop.
        image_sha256: of the crop as the store keeps it, None where it was dropped.
    """

    reason: str | None = None
    source_sha256: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    faces: int | None = None
    box: list[float] | None = None
    score: float | None = None
    points: list[float] | None = None
    crop_points: list[float] | None = None
    image_sha256: str | None = None


class Extractor:
    """Finds and crops the faces of rows that come in the manifest's order.

    It remembers the face that it chose last, so that a face is followed through a video.

    Args:
        settings: how to prepare.
        detector: finds the faces.
    """

    def __init__(self, settings: PrepareSettings, detector: Detector) -> None:
        self._settings = settings
        self._detector = detector
        self._clip: str | None = None
        self._followed: Box | None = None

    def __call__(self, image: np.ndarray | str, row: Row, out: np.ndarray) -> Outcome:
        """Crop the face of a row.

        Args:
            image: the row's image (H, W, 3) uint8 RGB, or the reason why there is none.
            row: the row.
            out: (S, S, 3) uint8, takes the crop; as it was where the row is dropped.
        """
        if row.clip != self._clip:
            self._clip, self._followed = row.clip, None
        if isinstance(image, str):
            return Outcome(reason=image)
        found = Outcome(width_px=image.shape[1], height_px=image.shape[0])
        image, annotation, stretch = _square_pixels(image, row)
        if row.cropped:
            face = _whole(image, annotation)
            options = self._settings.crop.model_copy(update={"align": "box", "margin": 0.0})
        else:
            annotation = replace(annotation, box=_within(annotation.box, image))
            faces = self._detector.detect(image, annotation)
            found = replace(found, faces=len(faces))
            options = self._settings.crop
            chosen = choose.choose(
                faces, annotation, side=row.side, width_px=image.shape[1], followed=self._followed
            )
            if isinstance(chosen, str):
                return replace(found, reason=chosen)
            face = chosen
            if row.video_frame is not None:
                self._followed = face.box
        found = replace(found, **_describe(face, stretch))
        try:
            out[...] = align.crop(image, face, options)
        except DataError as error:
            return replace(found, reason=f"unusable face: {error.message}")
        return replace(found, crop_points=_in_crop(face, options))


def _whole(image: np.ndarray, annotation: Annotation) -> Face:
    """The face of an image that is a crop already."""
    points = annotation.points if annotation.points is not None else five_points(annotation.landmarks)
    return Face((0.0, 0.0, float(image.shape[1]), float(image.shape[0])), 1.0, points)


def _square_pixels(image: np.ndarray, row: Row) -> tuple[np.ndarray, Annotation, np.ndarray]:
    """The image and its annotation, stretched so that pixels are square, and the stretch of (x, y)."""
    if row.pixel_aspect == 1.0:
        return image, Annotation(row.landmarks, row.points, row.box), np.ones(2)
    height_px, width_px = image.shape[:2]
    shown_px = round(width_px * row.pixel_aspect)
    stretch = np.array([shown_px / width_px, 1.0])
    x, y = stretch.tolist()
    annotation = Annotation(
        landmarks=None if row.landmarks is None else (row.landmarks * stretch).astype(np.float32),
        points=None if row.points is None else (row.points * stretch).astype(np.float32),
        box=None if row.box is None else (row.box[0] * x, row.box[1] * y, row.box[2] * x, row.box[3] * y),
    )
    image = cv2.resize(image, (shown_px, height_px), interpolation=cv2.INTER_LINEAR)
    return image, annotation, stretch


def _within(box: Box | None, image: np.ndarray) -> Box | None:
    """The part of an annotated box that is in the image, None where none is: then no box is annotated."""
    if box is None:
        return None
    (x0, y0, x1, y1), (height_px, width_px) = box, image.shape[:2]
    inside = max(x0, 0.0), max(y0, 0.0), min(x1, float(width_px)), min(y1, float(height_px))
    return inside if inside[0] < inside[2] and inside[1] < inside[3] else None


def _describe(face: Face, stretch: np.ndarray) -> dict[str, Any]:
    """A face in pixels of the raw image, in float32 as the manifest keeps it."""

    def raw(points: Any) -> list[float]:
        return (np.reshape(points, (-1, 2)) / stretch).astype(np.float32).ravel().tolist()

    return {
        "box": raw(face.box),
        "score": float(np.float32(face.score)),
        "points": None if face.points is None else raw(face.points),
    }


def _in_crop(face: Face, options: align.CropOptions) -> list[float] | None:
    """The five points of a face in its crop, px, x and y in turn."""
    if face.points is None:
        return None
    matrix = align.place(face, options)
    return (face.points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32).ravel().tolist()
