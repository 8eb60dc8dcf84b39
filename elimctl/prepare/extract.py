"""Find the face of a row and crop it."""

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
    """The result of one row; None for values that are unknown."""

    reason: str | None = None  # why the row was dropped, None if it was kept
    source_sha256: str | None = None  # SHA-256 of the raw file
    width_px: int | None = None  # width of the raw image
    height_px: int | None = None  # height of the raw image
    faces: int | None = None  # number of detected faces, None if no detector ran
    box: list[float] | None = None  # (x0, y0, x1, y1) of the chosen face, px of the raw image
    score: float | None = None  # score of the chosen face
    points: list[float] | None = None  # x, y of its five points, px of the raw image
    crop_points: list[float] | None = None  # x, y of its five points, px of the crop
    image_sha256: str | None = None  # SHA-256 of the stored crop


class Extractor:
    """Finds and crops the faces of rows in the manifest's order; it follows a face through a video."""

    def __init__(self, settings: PrepareSettings, detector: Detector) -> None:
        self._settings = settings
        self._detector = detector
        self._clip: str | None = None
        self._followed: Box | None = None

    def __call__(self, image: np.ndarray | str, row: Row, out: np.ndarray) -> Outcome:
        """Crop the face of a row into `out` (S, S, 3) uint8, which is unchanged if the row is dropped.

        The image is (H, W, 3) uint8 RGB, or the reason why it is missing.
        """
        if row.clip != self._clip:
            self._clip, self._followed = row.clip, None
        if isinstance(image, str):
            return Outcome(reason=image)
        outcome = Outcome(width_px=image.shape[1], height_px=image.shape[0])
        image, annotation, stretch = _square_pixels(image, row)
        if row.cropped:
            face = _whole(image, annotation)
            options = self._settings.crop.model_copy(update={"align": "box", "margin": 0.0})
        else:
            annotation = replace(annotation, box=_within(annotation.box, image))
            faces = self._detector.detect(image, annotation)
            outcome = replace(outcome, faces=len(faces))
            options = self._settings.crop
            chosen = choose.choose(
                faces, annotation, side=row.side, width_px=image.shape[1], followed=self._followed
            )
            if isinstance(chosen, str):
                return replace(outcome, reason=chosen)
            face = chosen
            if row.video_frame is not None:
                self._followed = face.box
        outcome = replace(outcome, **_describe(face, stretch))
        try:
            out[...] = align.crop(image, face, options)
        except DataError as error:
            return replace(outcome, reason=f"unusable face: {error.message}")
        return replace(outcome, crop_points=_in_crop(face, options))


def _whole(image: np.ndarray, annotation: Annotation) -> Face:
    """Return the face of an image that is already a crop."""
    points = annotation.points if annotation.points is not None else five_points(annotation.landmarks)
    return Face((0.0, 0.0, float(image.shape[1]), float(image.shape[0])), 1.0, points)


def _square_pixels(image: np.ndarray, row: Row) -> tuple[np.ndarray, Annotation, np.ndarray]:
    """Stretch an image and its annotation to square pixels; return these and the factors (x, y)."""
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
    """Return the part of an annotated box inside the image; None if the box lies outside."""
    if box is None:
        return None
    (x0, y0, x1, y1), (height_px, width_px) = box, image.shape[:2]
    inside = max(x0, 0.0), max(y0, 0.0), min(x1, float(width_px)), min(y1, float(height_px))
    return inside if inside[0] < inside[2] and inside[1] < inside[3] else None


def _describe(face: Face, stretch: np.ndarray) -> dict[str, Any]:
    """Convert a face to pixels of the raw image, in float32 as in the manifest."""

    def raw(points: Any) -> list[float]:
        return (np.reshape(points, (-1, 2)) / stretch).astype(np.float32).ravel().tolist()

    return {
        "box": raw(face.box),
        "score": float(np.float32(face.score)),
        "points": None if face.points is None else raw(face.points),
    }


def _in_crop(face: Face, options: align.CropOptions) -> list[float] | None:
    """Return the five points of a face in px of its crop: x and y of each point."""
    if face.points is None:
        return None
    matrix = align.place(face, options)
    return (face.points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32).ravel().tolist()
