"""The relief of a drawn face: how far each point stands out, and how light falls on it."""

from dataclasses import dataclass

import cv2
import numpy as np

from elimctl.datasets.expression import Expression
from elimctl.datasets.face_shape import Anatomy, Outlines

# The sheet that a head is drawn on, face units; everything of the head lies inside.
LEFT, TOP, WIDTH, HEIGHT = -1.45, -1.75, 2.9, 3.5
GRID = 44  # samples of the relief per face unit: relief is smooth, finer gains nothing
_COLUMNS, _ROWS = round(WIDTH * GRID), round(HEIGHT * GRID)
_X = (LEFT + (np.arange(_COLUMNS) + 0.5) / GRID).astype(np.float32)
_Y = (TOP + (np.arange(_ROWS) + 0.5) / GRID).astype(np.float32)
_ANGLE = np.arctan2(_Y[:, None], _X[None, :])
_RADIUS = np.hypot(_Y[:, None], _X[None, :])
_DEPTH = 0.62  # of the head in front of its silhouette


@dataclass(frozen=True, slots=True)
class Relief:
    """Heights of a face towards the viewer on the sheet's grid, face units.

    Args:
        height: (rows, columns) float32.
        normals: (rows, columns, 3) float32, unit length, pointing out of the face.
        hollow: (rows, columns) float32 in [0, 1], how sheltered from ambient light.
    """

    height: np.ndarray
    normals: np.ndarray
    hollow: np.ndarray

    def at(self, points: np.ndarray) -> np.ndarray:
        """Heights at points (N, 2), face units."""
        return sample(self.height, points[None].astype(np.float32))[0]


def sample(grid: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Values of a grid on the sheet, bilinear; beyond the sheet its edge goes on.

    Args:
        grid: (rows, columns) float32.
        points: (..., H, W, 2) float32, face units.
    """
    at_x = (points[..., 0] - LEFT) * GRID - 0.5
    at_y = (points[..., 1] - TOP) * GRID - 0.5
    return cv2.remap(grid, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def relief(anatomy: Anatomy, outlines: Outlines, expression: Expression, hair_height: np.ndarray) -> Relief:
    """Model a face.

    Args:
        anatomy: the identity's.
        outlines: its curves.
        expression: what its muscles do.
        hair_height: (rows, columns), how far hair stands off the skull.
    """
    height = _head(outlines.head) + _features(anatomy, outlines, expression)
    height = np.maximum(height + hair_height, 0.0)
    height = cv2.GaussianBlur(height, (0, 0), 0.8)
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=GRID / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=GRID / 8)
    length = np.sqrt(1 + slope_x**2 + slope_y**2)
    normals = np.stack([-slope_x / length, -slope_y / length, 1 / length], axis=-1)
    around = cv2.GaussianBlur(height, (0, 0), 0.09 * GRID)
    hollow = np.clip(6.0 * (around - height), 0.0, 1.0)
    return Relief(height, normals, hollow)


def polar_radius(contour: np.ndarray) -> np.ndarray:
    """Distance from the origin to a contour in the direction of each grid point, face units."""
    angles = np.arctan2(contour[:, 1], contour[:, 0])
    order = np.argsort(angles)
    radii = np.hypot(contour[:, 0], contour[:, 1])[order]
    return np.interp(_ANGLE, angles[order], radii, period=2 * np.pi).astype(np.float32)


def _head(contour: np.ndarray) -> np.ndarray:
    """A rounded head over its contour, 0 on it and beyond."""
    ratio = np.minimum(_RADIUS / polar_radius(contour), 1.0)
    return (_DEPTH * (1 - ratio**2.6)).astype(np.float32)


def _bump(x: float, y: float, width: float, tall: float) -> np.ndarray:
    """A bell of height 1."""
    return np.exp(-(((_Y - y) / tall) ** 2))[:, None] * np.exp(-(((_X - x) / width) ** 2))[None, :]


def _pair(x: float, y: float, width: float, tall: float) -> np.ndarray:
    """Two bells, mirrored about the midline."""
    across = np.exp(-(((_X - x) / width) ** 2)) + np.exp(-(((_X + x) / width) ** 2))
    return np.exp(-(((_Y - y) / tall) ** 2))[:, None] * across[None, :]


def _features(anatomy: Anatomy, outlines: Outlines, expression: Expression) -> np.ndarray:
    """What stands out of the head, or sinks in."""
    nose, mouth, chin = outlines.nose_y, outlines.mouth_y, outlines.chin_y
    eye, wide = anatomy.eye_x, anatomy.nose_width
    mouth_half = outlines.landmarks[54, 0]
    lower = outlines.landmarks[57, 1]
    total = 0.07 * _pair(0.8 * eye, -anatomy.brow_y + 0.02, 0.24, 0.09)  # brow ridge
    total -= 0.13 * _pair(0.92 * eye, 0.02, 0.17, 0.13)  # eye sockets
    total += 0.06 * _pair(eye, 0.0, 0.12, 0.075)  # eyeballs
    total -= 0.05 * _pair(0.36 * eye, 0.0, 0.06, 0.09)  # beside the bridge
    total += _nose(anatomy, nose)
    total += (0.04 + 0.06 * expression.cheek) * _pair(0.52, 0.36 - 0.05 * expression.cheek, 0.17, 0.15)
    total -= (0.02 + 0.05 * expression.cheek) * _pair(mouth_half + 0.07, mouth - 0.04, 0.05, 0.12)
    total += 0.06 * _bump(0.0, mouth, 0.3, 0.2)  # teeth under the lips
    total += 0.04 * _bump(0.0, float(outlines.landmarks[51, 1]) + 0.03, 0.8 * mouth_half, 0.035)
    total += 0.05 * _bump(0.0, lower - 0.045, 0.65 * mouth_half, 0.045)
    total -= 0.045 * _bump(0.0, lower + 0.05, 0.2, 0.05)  # below the lower lip
    total += 0.08 * _bump(0.0, chin - 0.13, 0.17, 0.11)
    total -= 0.02 * _bump(0.0, 0.5 * (nose + outlines.landmarks[51, 1]) + 0.01, 0.04, 0.06)  # philtrum
    total -= 0.03 * expression.frown * _bump(0.0, -anatomy.brow_y, 0.04, 0.07)
    return total.astype(np.float32)


def _nose(anatomy: Anatomy, base: float) -> np.ndarray:
    """Bridge, tip and wings of the nose."""
    along = np.clip((_Y + 0.12) / (base + 0.06), 0.0, 1.0)
    below = 1 / (1 + np.exp((_Y - base + 0.01) / 0.028))
    ridge = (0.05 + 0.8 * along**1.3) * np.exp(-np.clip(-0.1 - _Y, 0.0, None) / 0.06) * below
    width = 0.085 + 0.3 * anatomy.nose_width * along
    bridge = anatomy.nose_height * ridge[:, None] * np.exp(-((_X[None, :] / width[:, None]) ** 2))
    tip = 0.07 * _bump(0.0, base - 0.09, 0.085, 0.075)
    wings = 0.1 * _pair(0.72 * anatomy.nose_width, base - 0.055, 0.07, 0.065)
    under = -0.06 * _pair(0.42 * anatomy.nose_width, base + 0.015, 0.05, 0.03)
    return bridge + tip + wings + under
