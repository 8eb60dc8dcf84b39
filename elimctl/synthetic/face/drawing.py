"""Drawn faces: parametric identities whose expression follows valence and arousal.

A head is modelled as a relief with colours on it, lit, turned, and seen by a camera. Everything is a
pure function of the arguments: the same ones give the same bytes.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from elimctl.synthetic.face import hair as hairs
from elimctl.synthetic.face.body import paint_body
from elimctl.synthetic.face.canvas import Canvas, blank, blend, dim
from elimctl.synthetic.face.expression import Temperament, draw_temperament, express
from elimctl.synthetic.face.face_shape import Anatomy, Outlines, draw_anatomy, outline
from elimctl.synthetic.face.facial_features import ear, paint_features
from elimctl.synthetic.face.hair import Hair, draw_hair, paint_hair
from elimctl.synthetic.face.relief import HEIGHT, LEFT, TOP, WIDTH, Light, Relief, illuminate, model, sample
from elimctl.synthetic.face.scene import View, background, draw_view, expose, jitter
from elimctl.synthetic.face.skin import Look, draw_look, paint_skin

__all__ = ["Drawing", "Identity", "View", "draw_face", "draw_identity", "draw_view", "jitter"]

_FACE_HEIGHT = 1.95  # from the hairline to the chin, as detectors box a face, face units
_NECK_Y = 0.9  # where the head turns on the neck
_STEP_PX = 4  # the camera's map is solved at every fourth pixel; it is smooth in between


@dataclass(frozen=True, slots=True)
class Identity:
    """All that stays the same from picture to picture of one face."""

    anatomy: Anatomy
    look: Look
    hair: Hair
    temperament: Temperament


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture of a synthetic face.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (68, 2) float32, px, iBUG order, x then y.
        box: (x0, y0, x1, y1) px, from the hairline to the chin, as face detectors box a face.
    """

    image: np.ndarray
    landmarks: np.ndarray
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Camera:
    """Where a turned head falls on the frame: pixel = flat @ (x, y) + rise * height + origin."""

    flat: np.ndarray  # (2, 2)
    rise: np.ndarray  # (2,)
    origin: np.ndarray  # (2,)
    turn: np.ndarray  # (3, 3), from the face's axes to the camera's
    scale: float  # px per face unit

    def project(self, points: np.ndarray, heights: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) of points (N, 2) at heights (N,)."""
        return points @ self.flat.T + heights[:, None] * self.rise + self.origin


def draw_identity(rng: np.random.Generator, *, identity_shift: float = 0.0) -> Identity:
    """Draw an identity.

    Args:
        rng: source of everything about it.
        identity_shift: 0: all identities show valence and arousal alike; 1: the neutral face of one looks
            like the mild smile or frown of another. It changes nothing else about the identity.
    """
    heavy = float(rng.random())
    anatomy = draw_anatomy(rng, heavy=heavy)
    look = draw_look(rng, heavy=heavy)
    hair = draw_hair(rng, age=look.age, darkness=look.darkness, heavy=heavy)
    return Identity(anatomy, look, hair, draw_temperament(rng, identity_shift=identity_shift))


def draw_face(
    identity: Identity, view: View, *, valence: float, arousal: float, width_px: int, height_px: int
) -> Drawing:
    """Picture an identity that feels something.

    Args:
        identity: whose face.
        view: how the camera sees it.
        valence: in [-1, 1].
        arousal: in [-1, 1].
        width_px: of the frame.
        height_px: of the frame.

    Returns:
        The picture with its landmarks and box, which lie within the frame.
    """
    anatomy, look, hair = identity.anatomy, identity.look, identity.hair
    expression = express(identity.temperament, valence=valence, arousal=arousal)
    outlines = outline(anatomy, expression, gaze=(view.gaze_x, view.gaze_y))
    camera = _camera(view, width_px=width_px, height_px=height_px)
    fringe = hairs.front(hair, anatomy)
    relief = model(anatomy, outlines, expression, hair=fringe, thickness=hairs.thickness(hair))

    # large faces need no finer sheet than the frame; small ones gain from drawing finer
    scale = max(camera.scale, min(1.35 * camera.scale, 120.0))
    sheet = blank(LEFT, TOP, WIDTH, HEIGHT, scale=scale)
    paint_skin(sheet, anatomy, outlines, expression, look, hair=hair.colour)
    paint_features(sheet, anatomy, outlines, expression, look, hair=hair.colour)
    cover = _cover(sheet, identity, outlines, fringe)
    lit = _light(sheet, relief, view, camera)

    picture = background(view, width_px=width_px, height_px=height_px)
    _body(picture, identity, view, camera)
    _place(picture, lit, cover, sheet, relief, camera)
    landmarks = camera.project(outlines.landmarks, relief.at(outlines.landmarks))
    return Drawing(expose(picture, view), landmarks.astype(np.float32), _box(camera, outlines, relief))


def _camera(view: View, *, width_px: int, height_px: int) -> _Camera:
    yaw, pitch, roll = np.deg2rad([view.yaw, view.pitch, view.roll])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    turn = about_z @ about_x @ about_y
    scale = view.size * min(height_px, 1.2 * width_px) / _FACE_HEIGHT
    slack = np.maximum(np.array([width_px, height_px]) / 2 - scale * np.array([1.15, 1.3]), 0.0)
    middle = np.array([width_px, height_px]) / 2 + slack * [view.right, view.down]
    origin = middle - scale * (turn @ [0.0, 0.25, 0.2])[:2]  # the head turns about its own middle
    return _Camera(scale * turn[:2, :2], scale * turn[:2, 2], origin, turn, scale)


def _cover(sheet: Canvas, identity: Identity, outlines: Outlines, fringe: np.ndarray) -> np.ndarray:
    """Add the hair to the sheet; returns what the head covers of it, (rows, columns) uint8."""
    cover = sheet.like(channels=1)
    cover.fill(outlines.head, 255)
    for side in (-1.0, 1.0):
        cover.fill(ear(identity.anatomy, side), 255)
    if not len(fringe):
        return cover.pixels
    sheet.fill(fringe, dim(identity.look.skin, 0.45, 0.36, 0.34), blur=0.05, opacity=0.5)
    strands = paint_hair(sheet, fringe, identity.hair, identity.anatomy)
    return np.maximum(cover.pixels, strands)


def _light(sheet: Canvas, relief: Relief, view: View, camera: _Camera) -> np.ndarray:
    """The sheet as the lamp shows it, (rows, columns, 3) uint8."""
    lamp = np.array([view.light_x, -view.light_y, 1.0])
    towards = camera.turn.T @ (lamp / np.linalg.norm(lamp))
    factors, gloss = illuminate(relief, Light(towards, view.contrast))
    size = sheet.pixels.shape[1::-1]
    lit = cv2.multiply(sheet.pixels, cv2.resize(factors, size), dtype=cv2.CV_8U)
    shine = cv2.convertScaleAbs(cv2.resize(gloss, size), alpha=8 + 20 * view.contrast)
    return cv2.add(lit, cv2.merge([shine, shine, shine]))


def _body(picture: np.ndarray, identity: Identity, view: View, camera: _Camera) -> None:
    """Paint the body where the neck of the turned head is, in place."""
    neck_x, neck_y = camera.project(np.array([[0.0, _NECK_Y]]), np.array([-0.1]))[0] / camera.scale
    canvas = Canvas(picture, -float(neck_x), _NECK_Y - float(neck_y), camera.scale)
    # the hair behind turns with the head, unlike the body
    behind = hairs.back(identity.hair, identity.anatomy)
    behind = camera.project(behind, np.full(len(behind), -0.2)) / camera.scale + [canvas.left, canvas.top]
    paint_body(
        canvas,
        identity.anatomy,
        identity.look,
        identity.hair,
        behind=behind,
        seed=view.background,
        side=view.light_x,
    )


def _place(
    picture: np.ndarray, lit: np.ndarray, cover: np.ndarray, sheet: Canvas, relief: Relief, camera: _Camera
) -> None:
    """Turn the lit sheet as the camera sees it and lay it over the picture, in place."""
    height, width = picture.shape[:2]
    rows, columns = -(-height // _STEP_PX), -(-width // _STEP_PX)
    pixels = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).astype(np.float32)
    pixels = pixels * _STEP_PX + np.float32((_STEP_PX - 1) / 2)  # the middles of squares of pixels
    back = np.linalg.inv(camera.flat).astype(np.float32)
    flat = (pixels - camera.origin.astype(np.float32)) @ back.T
    lean = back @ camera.rise.astype(np.float32)
    points = flat.copy()
    for _ in range(9):  # a fixed point, damped: each pixel's height is that of the point it shows
        points += 0.6 * (flat - sample(relief.height, points)[..., None] * lean - points)
    at = (points - np.array([sheet.left, sheet.top], np.float32)) * np.float32(sheet.scale) - np.float32(0.5)
    at = cv2.resize(at, (columns * _STEP_PX, rows * _STEP_PX), interpolation=cv2.INTER_LINEAR)[
        :height, :width
    ]
    face = cv2.remap(lit, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.remap(cover, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0,))
    blend(picture, mask, face)


def _box(camera: _Camera, outlines: Outlines, relief: Relief) -> tuple[float, float, float, float]:
    """The face's box: its jaw and its hairline, as detectors see them."""
    forehead = np.array([[-0.5, -0.66], [0.0, -0.78], [0.5, -0.66]])
    points = np.concatenate([outlines.landmarks[:17], forehead])
    corners = camera.project(points, relief.at(points))
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)
