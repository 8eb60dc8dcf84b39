"""The relief of a synthetic head: how far each point stands out, and how light falls on it."""

from dataclasses import dataclass

import cv2
import numpy as np

from elimctl.synthetic.face.canvas import Points
from elimctl.synthetic.face.expression import Expression
from elimctl.synthetic.face.face_shape import Anatomy, Outlines

# The sheet that a head is drawn on, face units; everything of the head lies inside.
LEFT, TOP, WIDTH, HEIGHT = -1.4, -1.72, 2.8, 3.3
GRID = 44  # samples of the relief per face unit: it is smooth, finer gains nothing
_COLUMNS, _ROWS = round(WIDTH * GRID), round(HEIGHT * GRID)
_X = (LEFT + (np.arange(_COLUMNS) + 0.5) / GRID).astype(np.float32)
_Y = (TOP + (np.arange(_ROWS) + 0.5) / GRID).astype(np.float32)
_ANGLE = np.arctan2(_Y[:, None], _X[None, :])
_RADIUS = np.hypot(_Y[:, None], _X[None, :])
_DEPTH = 0.62  # of the head in front of its silhouette
_DIRECTIONS = np.linspace(-np.pi, np.pi, 91)[:-1]


@dataclass(frozen=True, slots=True)
class Relief:
    """Heights of a head towards the viewer on the sheet's grid, face units.

    Args:
        height: (rows, columns) float32.
        normals: (rows, columns, 3) float32, unit length, pointing out of the face.
        hollow: (rows, columns) float32 in [0, 1], how sheltered from ambient light.
    """

    height: np.ndarray
    normals: np.ndarray
    hollow: np.ndarray

    def at(self, points: Points) -> np.ndarray:
        """Heights (N,) at points (N, 2)."""
        return sample(self.height, points[None].astype(np.float32))[0]


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp and the room's own light.

    Args:
        towards: (3,) unit vector from the face to the lamp, in the face's own axes.
        contrast: share of the lamp, 0 (even light) to 1.
    """

    towards: np.ndarray
    contrast: float


def sample(grid: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Values of a grid on the sheet, bilinear; beyond the sheet its edge goes on.

    Args:
        grid: (rows, columns) float32.
        points: (H, W, 2) float32, face units.
    """
    at = (points - np.array([LEFT, TOP], np.float32)) * np.float32(GRID) - np.float32(0.5)
    return cv2.remap(grid, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def model(
    anatomy: Anatomy, outlines: Outlines, expression: Expression, *, hair: Points, thickness: float
) -> Relief:
    """Model a head.

    Args:
        anatomy: the identity's.
        outlines: its curves.
        expression: what its muscles do.
        hair: closed outline of the hair in front of the head, (0, 2) for none.
        thickness: of the hair over the skull, face units.
    """
    height = _dome(outlines.head, _DEPTH) + _features(anatomy, outlines, expression)
    if len(hair):
        mask = np.zeros(height.shape, np.uint8)
        cv2.fillPoly(
            mask, [np.round((hair - [LEFT, TOP]) * GRID * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4
        )
        cover = cv2.GaussianBlur(mask, (0, 0), 0.03 * GRID).astype(np.float32) / 255
        mass = _dome(np.concatenate([hair, outlines.head]), _DEPTH + thickness)
        height += cover * (np.maximum(mass, height + 0.018) - height)
    height = cv2.GaussianBlur(height, (0, 0), 0.8)
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=GRID / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=GRID / 8)
    facing = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    normals = cv2.merge([-slope_x * facing, -slope_y * facing, facing])
    around = cv2.GaussianBlur(height, (0, 0), 0.09 * GRID)
    return Relief(height, normals, np.clip(7.0 * (around - height), 0.0, 1.0))


def illuminate(relief: Relief, light: Light) -> tuple[np.ndarray, np.ndarray]:
    """How bright the relief is.

    Returns:
        (rows, columns, 3) float32 factors on the surface's colour, and (rows, columns) gloss in [0, 1].
    """
    facing = relief.normals @ light.towards.astype(np.float32)
    lamp = np.clip((facing + 0.2) / 1.2, 0, None) * (1 - 0.7 * _shadow(relief.height, light.towards))
    room = (
        (0.86 - 0.14 * relief.normals[..., 1])
        * (0.7 + 0.3 * relief.normals[..., 2])
        * (1 - 0.5 * relief.hollow)
    )
    shade = (0.92 - 0.62 * light.contrast) * room + (0.12 + 0.78 * light.contrast) * lamp
    halfway = light.towards + np.array([0.0, 0.0, 1.0])
    gloss = np.clip(relief.normals @ (halfway / np.linalg.norm(halfway)).astype(np.float32), 0, 1) ** 26
    # light that went through skin comes out red, so shadows keep more red than blue
    return cv2.merge([shade**0.86, shade, shade**1.07]), gloss


def _shadow(height: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """How much of the lamp the relief itself hides from each point, 0 to 1, soft-edged."""
    hidden = np.zeros_like(height)
    for distance in (0.07, 0.14, 0.22, 0.32):
        step = distance * GRID * towards[:2]
        move = np.array([[1, 0, step[0]], [0, 1, step[1]]], np.float32)
        there = cv2.warpAffine(
            height, move, height.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        hidden = np.maximum(hidden, there - height - np.float32(distance * towards[2]))
    return cv2.GaussianBlur(np.clip(9.0 * hidden, 0, 1), (0, 0), 0.02 * GRID)


def _dome(contour: Points, depth: float) -> np.ndarray:
    """A rounded body over the outermost points of contours, 0 on them and falling off beyond."""
    angles = np.arctan2(contour[:, 1], contour[:, 0])
    reach = np.zeros(len(_DIRECTIONS))
    sector = np.round((angles + np.pi) / (2 * np.pi) * len(_DIRECTIONS)).astype(int) % len(_DIRECTIONS)
    np.maximum.at(reach, sector, np.hypot(contour[:, 0], contour[:, 1]))
    known = reach > 0
    radius = np.interp(_ANGLE, _DIRECTIONS[known], reach[known], period=2 * np.pi).astype(np.float32)
    ratio = np.minimum(_RADIUS / cv2.GaussianBlur(radius, (0, 0), 0.05 * GRID), 1.1)
    return (depth * (1 - ratio**2.3)).astype(np.float32)


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
    eye = anatomy.eye_x
    corner_x, corner_y = outlines.landmarks[54]
    upper, lower = float(outlines.landmarks[51, 1]), float(outlines.landmarks[57, 1])
    cheek = expression.cheek
    total = 0.055 * _pair(0.85 * eye, -anatomy.brow_y + 0.02, 0.2, 0.1)  # brow ridge
    total -= 0.13 * _pair(0.92 * eye, 0.01, 0.18, 0.12)  # eye sockets
    total += 0.07 * _pair(eye, 0.0, 0.12, 0.075)  # eyeballs
    total -= 0.06 * _pair(0.38 * eye, 0.0, 0.06, 0.1)  # beside the bridge
    total += _nose(anatomy, nose)
    total += (0.05 + 0.07 * cheek) * _pair(0.52, 0.36 - 0.06 * cheek, 0.17, 0.14)
    total -= (0.02 + 0.05 * cheek) * _pair(corner_x + 0.08, corner_y - 0.06, 0.05, 0.13)
    total -= 0.04 * _pair(0.62, 0.72, 0.13, 0.22)  # hollow of the cheeks
    total += 0.06 * _bump(0.0, mouth, 0.3, 0.2)  # teeth under the lips
    total += 0.05 * _bump(0.0, upper + 0.035, 0.8 * corner_x, 0.035)
    total += 0.065 * _bump(0.0, lower - 0.05, 0.65 * corner_x, 0.045)
    total -= 0.05 * _bump(0.0, lower + 0.05, 0.2, 0.045)  # below the lower lip
    total += 0.09 * _bump(0.0, chin - 0.14, 0.17, 0.11)
    total -= 0.025 * _bump(0.0, 0.5 * (nose + upper) + 0.01, 0.035, 0.06)  # philtrum
    total -= 0.03 * expression.frown * _bump(0.0, -anatomy.brow_y, 0.04, 0.07)
    return total.astype(np.float32)


def _nose(anatomy: Anatomy, base: float) -> np.ndarray:
    """Bridge, tip and wings of the nose."""
    along = np.clip((_Y + 0.12) / (base + 0.06), 0.0, 1.0)
    below = 1 / (1 + np.exp((_Y - base - 0.005) / 0.03))
    ridge = (0.08 + 0.75 * along**1.3) * np.exp(-np.clip(-0.02 - _Y, 0.0, None) / 0.1) * below
    width = 0.07 + 0.3 * anatomy.nose_width * along
    bridge = anatomy.nose_height * ridge[:, None] * np.exp(-((_X[None, :] / width[:, None]) ** 2))
    tip = 0.08 * _bump(0.0, base - 0.08, 0.085, 0.07)
    wings = 0.11 * _pair(0.72 * anatomy.nose_width, base - 0.05, 0.065, 0.06)
    under = -0.03 * _pair(0.42 * anatomy.nose_width, base + 0.02, 0.05, 0.03)
    return bridge + tip + wings + under
