"""Cut a face out of an image as the square crop that the store keeps.

Coordinates are continuous: pixel (0, 0) covers [0, 1) x [0, 1), so a box from 0 to W covers an image exactly.
"""

from typing import Literal

import numpy as np
from pydantic import Field

from elimctl.config import Config
from elimctl.errors import DataError
from elimctl.faces.face import Face

# The five points in ArcFace's crop of 112 px. Source: Deng et al. 2019, ArcFace, section 3.1.
TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
TEMPLATE_SIDE_PX = 112
ROUNDING_PX = 1e-6  # a centre on the image's edge counts as inside
MAX_FACE_PX = 16_384  # larger faces are annotation errors; limits the memory of a crop to 0.8 GB


class CropOptions(Config):
    """Options of a crop."""

    size_px: int = Field(default=256, ge=16, le=4096)  # side of the crop; Kim & Song 2022 resize to 256
    align: Literal["box", "points"] = "box"  # square around the box, or five points onto ArcFace's template
    # For align = box: added on each side, as a fraction of the box's longer side. The script of Kim & Song
    # 2022 (MTCNN with margin 20 at 224 px) adds 10/204.
    margin: float = Field(default=0.05, ge=0, le=2)
    # For align = points: added on each side of ArcFace's crop, which ends above the chin; a fraction of it.
    room: float = Field(default=0.125, ge=0, le=2)


def crop(image: np.ndarray, face: Face, options: CropOptions) -> np.ndarray:
    """Cut a face out of an image (H, W, 3) uint8 RGB with sides up to 32,766 px.

    Parts beyond the image repeat its border. Shrinking averages areas, which avoids aliasing.

    Returns:
        (S, S, 3) uint8 RGB, contiguous.

    Raises:
        DataError: the face lies outside the image, is empty or too large, or lacks points to align by.
    """
    matrix = place(face, options)
    _check_overlap(image, matrix, size_px=options.size_px)
    return _warp(image, matrix, size_px=options.size_px)


def place(face: Face, options: CropOptions) -> np.ndarray:
    """Compute the mapping from the image to the crop of a face.

    Returns:
        (2, 3) float64 matrix M: the point (x, y) of the image is M @ (x, y, 1) in the crop.

    Raises:
        DataError: the face is empty or lacks points to align by.
    """
    return _box_matrix(face, options) if options.align == "box" else _points_matrix(face, options)


def similarity(points: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Fit the rotation, uniform scale and shift (no reflection) that map points onto a template.

    As complex numbers p and q around their means, the factor a that minimises the sum of |q - a p|^2 is
    sum(conj(p) q) / sum(|p|^2): its modulus is the scale, its angle the rotation.

    Args:
        points: (n, 2), any unit, not all the same.
        template: (n, 2), target positions of the points.

    Returns:
        (2, 3) float64 matrix M: it maps a point (x, y) to M @ (x, y, 1).

    Raises:
        DataError: the points coincide or are not finite.

    Source: Umeyama 1991, the two-dimensional case without reflection.
    """
    if not np.isfinite(points).all() or not np.ptp(points, axis=0).any():
        raise DataError(
            f"cannot align by the points {np.asarray(points).tolist()}: they coincide or are not finite",
            hint="use --align box",
        )
    p, q = (np.asarray(xy, np.float64) @ (1, 1j) for xy in (points, template))
    spread = np.sum(np.abs(p - p.mean()) ** 2)
    a = np.vdot(p - p.mean(), q - q.mean()) / spread
    shift = q.mean() - a * p.mean()
    return np.array([[a.real, -a.imag, shift.real], [a.imag, a.real, shift.imag]])


def _box_matrix(face: Face, options: CropOptions) -> np.ndarray:
    """Map image px to crop px: a square around the box's centre."""
    x0, y0, x1, y1 = face.box
    if not (np.isfinite(face.box).all() and min(x1 - x0, y1 - y0) > 0):
        raise DataError(
            f"the face's box {face.box} has no area, wanted x0 < x1 and y0 < y1",
            hint="check the annotation of this image",
        )
    scale = options.size_px / (max(x1 - x0, y1 - y0) * (1 + 2 * options.margin))
    centre = np.array([x0 + x1, y0 + y1]) / 2
    return np.column_stack([scale * np.eye(2), options.size_px / 2 - scale * centre])


def _points_matrix(face: Face, options: CropOptions) -> np.ndarray:
    """Map image px to crop px: the five points onto ArcFace's template with room around it."""
    if face.points is None:
        raise DataError(
            "the detector found no points for this face, wanted five to align by",
            hint="use --align box, or choose a detector that finds points",
        )
    scale = options.size_px / (TEMPLATE_SIDE_PX * (1 + 2 * options.room))
    template = (TEMPLATE - TEMPLATE_SIDE_PX / 2) * scale + options.size_px / 2
    return similarity(face.points, template)


def _check_overlap(image: np.ndarray, matrix: np.ndarray, *, size_px: int) -> None:
    """Refuse a crop that shows nothing of the image, or that needs more memory than a real face."""
    side_px = size_px / np.hypot(matrix[0, 0], matrix[1, 0])
    centre = np.linalg.solve(matrix[:, :2], size_px / 2 - matrix[:, 2])
    height_px, width_px = image.shape[:2]
    beyond = np.maximum(-centre, centre - (width_px, height_px)).max()
    if not beyond <= ROUNDING_PX:
        raise DataError(
            f"the face's centre ({centre[0]:.1f}, {centre[1]:.1f}) lies outside the image of "
            f"{width_px} x {height_px} px",
            hint="check the annotation of this image",
        )
    if side_px > MAX_FACE_PX:
        raise DataError(
            f"the face is {side_px:.0f} px wide in an image of {width_px} x {height_px} px, the limit is "
            f"{MAX_FACE_PX} px",
            hint="check the annotation of this image",
        )


def _warp(image: np.ndarray, matrix: np.ndarray, *, size_px: int) -> np.ndarray:
    """Map an image onto a square; shrinking averages areas."""
    import cv2

    # Warp at a whole multiple that does not shrink, then average; bilinear sampling alone would alias.
    multiple = max(1, int(np.ceil(1 / np.hypot(matrix[0, 0], matrix[1, 0]))))
    matrix = matrix * multiple
    # OpenCV puts whole numbers at the pixels' centres.
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    side_px = multiple * size_px
    warped = cv2.warpAffine(
        image, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.resize(warped, (size_px, size_px), interpolation=cv2.INTER_AREA)
