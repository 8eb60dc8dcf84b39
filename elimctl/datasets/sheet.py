"""A sheet of paper in face units: anti-aliased filling and stroking at any resolution."""

from dataclasses import dataclass

import cv2
import numpy as np

Colour = tuple[float, float, float]  # RGB, 0 to 255
_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where face units lie on an array.

    Args:
        left: x of the array's left edge, face units.
        top: y of its upper edge, face units.
        width: face units.
        height: face units.
        scale: pixels per face unit.
    """

    left: float
    top: float
    width: float
    height: float
    scale: float

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the array."""
        return round(self.height * self.scale), round(self.width * self.scale)

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) in face units as OpenCV's fixed-point pixel coordinates."""
        at = (points - np.array([self.left, self.top])) * self.scale - 0.5
        return np.round(at * (1 << _SHIFT)).astype(np.int32)

    def fill(self, canvas: np.ndarray, points: np.ndarray, colour: Colour | float) -> None:
        """Fill a closed outline (N, 2)."""
        if len(points):
            cv2.fillPoly(canvas, [self.to_pixels(points)], _scalar(colour), cv2.LINE_AA, _SHIFT)

    def stroke(self, canvas: np.ndarray, lines: np.ndarray, colour: Colour | float, *, width: float) -> None:
        """Draw open lines (L, N, 2) or one line (N, 2), `width` in face units."""
        lines = lines[None] if lines.ndim == 2 else lines
        thickness = max(1, round(width * self.scale))
        cv2.polylines(
            canvas, list(self.to_pixels(lines)), False, _scalar(colour), thickness, cv2.LINE_AA, _SHIFT
        )

    def mask(self, points: np.ndarray, *, blur: float = 0.0) -> np.ndarray:
        """A closed outline as coverage, (rows, columns) uint8, softened by `blur` face units."""
        coverage = np.zeros(self.shape, np.uint8)
        self.fill(coverage, points, 255)
        return self.soften(coverage, blur)

    def soften(self, canvas: np.ndarray, blur: float) -> np.ndarray:
        """Gaussian blur with a deviation in face units."""
        sigma = blur * self.scale
        return cv2.GaussianBlur(canvas, (0, 0), sigma) if sigma > 0.3 else canvas


def paint(canvas: np.ndarray, coverage: np.ndarray, colour: Colour | np.ndarray, opacity: float = 1.0) -> None:
    """Blend a colour, or an image of the canvas's shape, over an RGB canvas, in place.

    Args:
        canvas: (H, W, 3) uint8.
        coverage: (H, W) uint8.
        colour: RGB or (H, W, 3).
        opacity: in [0, 1].
    """
    weight = (coverage.astype(np.float32) * (opacity / 255))[..., None]
    canvas[:] = (canvas + (np.asarray(colour, np.float32) - canvas) * weight + 0.5).astype(np.uint8)


def _scalar(colour: Colour | float) -> tuple[float, ...]:
    return colour if isinstance(colour, tuple) else (float(colour),)
