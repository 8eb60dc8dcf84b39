"""Drawn faces: parametric people whose expression follows valence and arousal.

A face is modelled as a relief with colours on it, lit, turned, and seen by a camera. Everything is a
pure function of the arguments: the same ones give the same bytes.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from elimctl.datasets import hair as hairs
from elimctl.datasets.expression import Temperament, draw_temperament, express
from elimctl.datasets.face_paint import Look, draw_look, hair_cover, paint_face, paint_hair
from elimctl.datasets.face_relief import HEIGHT, LEFT, TOP, WIDTH, Relief, relief, sample
from elimctl.datasets.face_shape import Anatomy, Outlines, draw_anatomy, outline
from elimctl.datasets.hair import Hair, draw_hair
from elimctl.datasets.scene import View, background, draw_view, expose, jitter
from elimctl.datasets.sheet import Sheet, paint

__all__ = ["Drawing", "Identity", "View", "draw_face", "draw_identity", "draw_view", "jitter"]

_FACE_HEIGHT = 1.85  # of a face as detectors box it, face units


@dataclass(frozen=True, slots=True)
class Identity:
    """A drawn person."""

    anatomy: Anatomy
    look: Look
    hair: Hair
    temperament: Temperament


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture of a drawn face.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (68, 2) float32, px, iBUG order, x then y.
        box: (x0, y0, x1, y1) px, from the forehead to the chin, as face detectors box a face.
    """

    image: np.ndarray
    landmarks: np.ndarray
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Camera:
    """An oblique view: pixel = flat @ (x, y) + rise * height + origin."""

    flat: np.ndarray  # (2, 2)
    rise: np.ndarray  # (2,)
    origin: np.ndarray  # (2,)
    turn: np.ndarray  # (3, 3), face to camera

    def project(self, points: np.ndarray, heights: np.ndarray) -> np.ndarray:
        return points @ self.flat.T + heights[:, None] * self.rise + self.origin


def draw_identity(rng: np.random.Generator, *, identity_shift: float = 0.0) -> Identity:
    """A person.

    Args:
        rng: source of everything about them.
        identity_shift: 0: everybody shows valence and arousal alike; 1: one's neutral looks like
            another's mild smile or frown. It changes nothing else about the person.
    """
    anatomy = draw_anatomy(rng)
    look = draw_look(rng)
    hair = draw_hair(rng, age=look.age, darkness=look.darkness)
    return Identity(anatomy, look, hair, draw_temperament(rng, identity_shift=identity_shift))


def draw_face(
    identity: Identity, view: View, *, valence: float, arousal: float, width_px: int, height_px: int
) -> Drawing:
    """Picture a person who feels something.

    Args:
        identity: who.
        view: how the camera sees them.
        valence: in [-1, 1].
        arousal: in [-1, 1].
        width_px: of the frame.
        height_px: of the frame.

    Returns:
        The picture with its landmarks and box, which lie within the frame.
    """
    expression = express(identity.temperament, valence=valence, arousal=arousal)
    outlines = outline(identity.anatomy, expression, gaze=(view.gaze_x, view.gaze_y))
    fringe = hairs.front(identity.hair, identity.anatomy, outlines)
    thick = hairs.height(identity.hair, hairs.GRID_SHEET.mask(fringe, blur=0.03).astype(np.float32) / 255)
    shape = relief(identity.anatomy, outlines, expression, thick)
    camera = _camera(view, width_px=width_px, height_px=height_px)
    sheet = Sheet(LEFT, TOP, WIDTH, HEIGHT, 1.5 * view.size * height_px / _FACE_HEIGHT)
    colours = paint_face(sheet, identity.anatomy, outlines, expression, identity.look, identity.hair)
    cover = _cover(sheet, identity, outlines, fringe, colours)
    lit = _light(colours, shape, view, camera, cover)

    picture = background(view, width_px=width_px, height_px=height_px)
    _body(picture, identity, view, camera, outlines)
    _place(picture, lit, cover, sheet, shape, camera)
    heights = shape.at(outlines.landmarks)
    landmarks = camera.project(outlines.landmarks, heights)
    return Drawing(expose(picture, view), landmarks.astype(np.float32), _box(camera, outlines, shape))


def _camera(view: View, *, width_px: int, height_px: int) -> _Camera:
    yaw, pitch, roll = np.deg2rad([view.yaw, view.pitch, view.roll])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    turn = about_z @ about_x @ about_y
    scale = view.size * height_px / _FACE_HEIGHT
    slack_x = max(width_px / 2 - 1.15 * scale, 0.0)
    slack_y = max(height_px / 2 - 1.3 * scale, 0.0)
    middle = np.array([width_px / 2 + view.right * slack_x, height_px / 2 + view.down * slack_y])
    pivot = np.array([0.0, 0.25, 0.2])  # about the middle of the head
    origin = middle - scale * (turn @ pivot)[:2]
    return _Camera(scale * turn[:2, :2], scale * turn[:2, 2], origin, turn)


def _cover(sheet: Sheet, identity: Identity, outlines: Outlines, fringe: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Draw ears and hair onto the colours; what the head covers of the sheet, uint8."""
    cover = sheet.mask(outlines.head)
    anatomy = identity.anatomy
    for side in (-1.0, 1.0):
        angle = np.linspace(0, 2 * np.pi, 30)
        ear = np.stack([side * (anatomy.cheek_width + 0.01 + 0.1 * anatomy.ear_size * np.cos(angle)), 0.12 + 0.22 * anatomy.ear_size * np.sin(angle)], 1)
        sheet.fill(cover, ear, 255)
    if identity.hair.style is not None:
        strands = np.empty_like(colours)
        paint_hair(strands, sheet, anatomy, identity.hair)
        mask = sheet.mask(fringe, blur=0.012)
        paint(colours, sheet.soften(mask, 0.05), tuple(np.array(identity.look.skin) * 0.45), 0.5)
        paint(colours, mask, strands, hair_cover(identity.hair))
        sheet.fill(cover, fringe, 255)
    return cover


def _light(colours: np.ndarray, shape: Relief, view: View, camera: _Camera, cover: np.ndarray) -> np.ndarray:
    """The lit sheet, float32."""
    light = np.array([view.light_x, -view.light_y, 1.0])
    light = camera.turn.T @ (light / np.linalg.norm(light))
    facing = shape.normals @ light.astype(np.float32)
    diffuse = np.clip((facing + 0.25) / 1.25, 0, None)
    shine = np.clip(facing, 0, 1) ** 22
    ambient = 1 - view.contrast
    shade = (0.3 + 0.5 * ambient) * (1 - 0.45 * shape.hollow) + (0.35 + 0.5 * view.contrast) * diffuse * (1 - 0.2 * shape.hollow)
    rows, columns = colours.shape[:2]
    shade = cv2.resize(shade, (columns, rows), interpolation=cv2.INTER_CUBIC)
    shine = cv2.resize(shine, (columns, rows))
    # light that went through skin comes out red, so shadows keep more red than blue
    tint = np.stack([shade**0.88, shade, shade**1.06], axis=-1)
    return np.clip(colours * tint + (26.0 * shine)[..., None], 0, 255)


def _place(picture: np.ndarray, lit: np.ndarray, cover: np.ndarray, sheet: Sheet, shape: Relief, camera: _Camera) -> None:
    """Turn the sheet as the camera sees it and lay it over the picture, in place."""
    height, width = picture.shape[:2]
    step = 4
    rows, columns = -(-height // step) + 1, -(-width // step) + 1
    pixels = np.stack(np.meshgrid(np.arange(columns) * step, np.arange(rows) * step), -1).astype(np.float32)
    back = np.linalg.inv(camera.flat).astype(np.float32)
    flat = (pixels - camera.origin.astype(np.float32)) @ back.T
    lean = back @ camera.rise.astype(np.float32)
    points = flat
    for _ in range(7):
        points = flat - sample(shape.height, points)[..., None] * lean
    at = (points - np.array([sheet.left, sheet.top], np.float32)) * np.float32(sheet.scale) - 0.5
    size = ((columns - 1) * step + 1, (rows - 1) * step + 1)
    grown = cv2.warpAffine(at, np.array([[step, 0, 0], [0, step, 0]], np.float32), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    grown = grown[:height, :width]
    face = cv2.remap(lit, grown, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    weight = cv2.remap(cover, grown, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    picture += (face - picture) * (weight.astype(np.float32) / 255)[..., None]


def _body(picture: np.ndarray, identity: Identity, view: View, camera: _Camera, outlines: Outlines) -> None:
    """Neck, shoulders and the hair behind them, in place."""
    scale = float(np.hypot(*camera.flat[:, 0])) / max(np.cos(np.deg2rad(view.yaw)), 0.5)
    centre = camera.project(np.array([[0.0, 0.9]]), np.array([-0.1]))[0] / scale
    height, width = picture.shape[:2]
    sheet = Sheet(-float(centre[0]), -float(centre[1]), width / scale, height / scale, scale)
    canvas = picture.astype(np.uint8)
    w = identity.anatomy.cheek_width
    behind = hairs.back(identity.hair, identity.anatomy)
    if len(behind):
        paint(canvas, sheet.mask(behind - [0, 0.9], blur=0.02)[:height, :width], tuple(0.42 * np.array(identity.hair.colour)))
    rng = np.random.default_rng(view.background + 1)
    cloth = np.clip(rng.uniform(20, 210) + rng.normal(0, 25, 3), 5, 245)
    skin = np.array(identity.look.skin)
    neck = np.array([[-0.62 * w, -0.3], [-0.6 * w, 0.35], [-0.9 * w, 0.7], [0.9 * w, 0.7], [0.6 * w, 0.35], [0.62 * w, -0.3]])
    paint(canvas, sheet.mask(neck), tuple(0.68 * skin * [1.0, 0.93, 0.9]))
    shadow = np.array([[-0.7 * w, -0.4], [0.7 * w, -0.4], [0.55 * w, 0.38], [0.0, 0.46], [-0.55 * w, 0.38]])
    under = cv2.min(sheet.mask(shadow, blur=0.09), sheet.mask(neck))
    paint(canvas, under, tuple(0.4 * skin * [1.0, 0.88, 0.84]), 0.8)
    torso = spline_half(w)
    paint(canvas, sheet.mask(torso), tuple(cloth))
    fold = sheet.mask(np.array([[0.35, 0.4], [2.0, 0.6], [2.2, 2.5], [0.5, 2.5]]), blur=0.25)
    paint(canvas, cv2.min(fold, sheet.mask(torso)), tuple(0.6 * cloth), 0.6)
    picture[:] = canvas


def spline_half(w: float) -> np.ndarray:
    """Outline of the clothed shoulders."""
    right = np.array([[0.0, 0.72], [0.35 * w, 0.64], [0.66 * w, 0.42], [1.2 * w, 0.58], [1.75, 0.8], [2.1, 1.3], [2.2, 3.5]])
    return np.concatenate([right[::-1] * [-1.0, 1.0], right[1:]])


def _box(camera: _Camera, outlines: Outlines, shape: Relief) -> tuple[float, float, float, float]:
    forehead = np.array([[-0.5, -0.66], [0.0, -0.78], [0.5, -0.66]])
    points = np.concatenate([outlines.landmarks[:17], forehead])
    corners = camera.project(points, shape.at(points))
    x0, y0 = corners.min(axis=0)
    x1, y1 = corners.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)
