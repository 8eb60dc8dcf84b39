"""What became of one row."""

from dataclasses import dataclass


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
