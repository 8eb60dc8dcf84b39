"""The colours of a drawn face, before light falls on it: skin, eyes, brows, lips, beard, lines."""

from dataclasses import dataclass

import cv2
import numpy as np

from elimctl.datasets.expression import Expression
from elimctl.datasets.face_shape import Anatomy, Outlines, Points, spline
from elimctl.datasets.hair import STYLES, Hair, strands
from elimctl.datasets.sheet import Colour, Sheet, paint

_SKINS = np.array(
    [(250, 219, 197), (241, 200, 170), (226, 176, 139), (200, 146, 108), (164, 110, 76), (122, 80, 55), (86, 56, 41)]
)
_IRISES = [(74, 46, 28), (54, 34, 22), (98, 66, 36), (92, 98, 58), (92, 116, 128), (70, 104, 140), (110, 116, 116)]
_BEARDS = ("none", "stubble", "full", "goatee", "moustache")


@dataclass(frozen=True, slots=True)
class Look:
    """Colours and marks of an identity.

    Args:
        skin: RGB.
        darkness: of the skin, 0 fair to 1 dark.
        flush: redness of cheeks and nose, 0 to 1.
        lips: RGB.
        iris: RGB.
        age: 0 young to 1 old: how deep the lines are.
        beard: one of none, stubble, full, goatee, moustache.
        glasses: thickness of the frames, face units; 0 for none.
        lashes: darkness of lash line and lids, 0 to 1.
        freckles: number of spots.
        seed: of spots and texture.
    """

    skin: Colour
    darkness: float
    flush: float
    lips: Colour
    iris: Colour
    age: float
    beard: str
    glasses: float
    lashes: float
    freckles: int
    seed: int


def draw_look(rng: np.random.Generator) -> Look:
    """Colours and marks within the variety of adult faces."""
    darkness = float(rng.random())
    ramp = np.linspace(0, 1, len(_SKINS))
    skin = np.array([np.interp(darkness, ramp, _SKINS[:, c]) for c in range(3)]) + rng.normal(0, 4, 3)
    redder = np.clip(skin * [0.86, 0.6, 0.58] + rng.uniform(-14, 20) * np.array([1.0, 0.3, 0.4]), 0, 255)
    iris = _IRISES[int(rng.integers(2 if darkness > 0.5 else len(_IRISES)))]
    bearded = rng.random() < 0.3
    return Look(
        skin=tuple(np.clip(skin, 0, 255).tolist()),
        darkness=darkness,
        flush=float(rng.uniform(0.1, 0.8)),
        lips=tuple(redder.tolist()),
        iris=iris,
        age=float(rng.random() ** 1.3),
        beard=_BEARDS[int(rng.integers(1, len(_BEARDS)))] if bearded else "none",
        glasses=float(rng.uniform(0.014, 0.03)) if rng.random() < 0.1 else 0.0,
        lashes=float(rng.uniform(0.2, 1.0)) if not bearded else 0.2,
        freckles=int(rng.integers(20, 70)) if rng.random() < 0.15 and darkness < 0.5 else 0,
        seed=int(rng.integers(2**31)),
    )


def paint_face(
    sheet: Sheet, anatomy: Anatomy, outlines: Outlines, expression: Expression, look: Look, hair: Hair
) -> np.ndarray:
    """The unlit skin with everything on it but the hair of the head, (rows, columns, 3) uint8."""
    canvas = _skin(sheet, anatomy, outlines, look)
    _creases(canvas, sheet, anatomy, outlines, expression, look)
    _beard(canvas, sheet, anatomy, outlines, look, hair)
    _nostrils(canvas, sheet, anatomy, outlines)
    _mouth(canvas, sheet, outlines, expression, look)
    for side in (0, 1):
        _eye(canvas, sheet, anatomy, outlines, look, side)
    _brows(canvas, sheet, outlines, look, hair)
    return canvas


def _skin(sheet: Sheet, anatomy: Anatomy, outlines: Outlines, look: Look) -> np.ndarray:
    rng = np.random.default_rng(look.seed)
    rows, columns = sheet.shape
    mottle = cv2.resize(rng.normal(0, 1, (34, 28)).astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC)
    pores = cv2.resize(rng.normal(0, 1, (170, 140)).astype(np.float32), (columns, rows))
    tone = 1 + 0.012 * mottle + 0.012 * pores
    canvas = np.clip(tone[..., None] * np.array(look.skin, np.float32), 0, 255).astype(np.uint8)
    blush = np.zeros(sheet.shape, np.uint8)
    for x in (-0.5, 0.5):
        _ellipse(sheet, blush, (x, 0.36), (0.19, 0.13), 210)
    _ellipse(sheet, blush, (0.0, outlines.nose_y - 0.08), (0.11, 0.09), 150)
    reddish = tuple(np.array(look.skin) * [0.97, 0.72, 0.7])
    paint(canvas, sheet.soften(blush, 0.09), reddish, 0.55 * look.flush)
    if look.freckles:
        spots = np.zeros(sheet.shape, np.uint8)
        at = rng.normal([0.0, 0.25], [0.38, 0.13], (look.freckles, 2))
        for x, y in at:
            _ellipse(sheet, spots, (x, y), (0.012, 0.012), 200)
        paint(canvas, spots, tuple(np.array(look.skin) * [0.78, 0.62, 0.5]), 0.5)
    return canvas


def _creases(
    canvas: np.ndarray, sheet: Sheet, anatomy: Anatomy, outlines: Outlines, expression: Expression, look: Look
) -> None:
    """Lines of age and of the expression, and the sockets' shade."""
    lines = np.zeros(sheet.shape, np.uint8)

    def crease(points: list[tuple[float, float]], strength: float, width: float = 0.02) -> None:
        value = int(np.clip(255 * strength, 0, 255))
        layer = np.zeros(sheet.shape, np.uint8)
        sheet.stroke(layer, spline(np.array(points)), value, width=width)
        np.maximum(lines, layer, out=lines)

    eye, mouth, nose = anatomy.eye_x, outlines.mouth_y, outlines.nose_y
    corner_x, corner_y = outlines.landmarks[54]
    smile_line = np.clip(0.12 + 0.45 * look.age + 0.5 * expression.cheek, 0, 1)
    for s in (-1.0, 1.0):
        crease(
            [
                (s * (anatomy.nose_width + 0.02), nose - 0.06),
                (s * (0.5 * (anatomy.nose_width + corner_x) + 0.075), 0.5 * (nose + corner_y) - 0.03),
                (s * (corner_x + 0.07), corner_y + 0.02),
            ],
            0.6 * smile_line,
        )
        outer, inner = s * (eye + anatomy.eye_width), s * (eye - anatomy.eye_width)
        bag = 0.13 - 0.02 * expression.cheek
        crease([(inner, 0.07), (s * eye, bag), (0.95 * outer, 0.09)], 0.15 + 0.4 * look.age)
        if look.age + expression.cheek > 0.55:
            foot = 0.6 * (look.age + 0.6 * expression.cheek - 0.4)
            for dy in (-0.05, 0.0, 0.05):
                crease([(outer + s * 0.04, dy * 0.6), (outer + s * 0.13, dy * 1.5 + 0.01)], foot, 0.012)
        crease([(s * 0.05, -anatomy.brow_y - 0.03), (s * 0.045, -anatomy.brow_y + 0.08)], 0.75 * expression.frown)
        crease([(s * (corner_x + 0.01), corner_y - 0.03), (s * (corner_x + 0.025), corner_y + 0.03)], 0.5)
    brows_up = np.clip(0.5 * look.age + 0.45 * expression.brow_raise - 0.25, 0, 1)
    for k in range(3):
        y = -anatomy.brow_y - 0.17 - 0.09 * k
        crease([(-0.32, y), (0.0, y - 0.015), (0.32, y)], 0.8 * brows_up)
    dark = tuple(np.array(look.skin) * [0.62, 0.48, 0.44])
    paint(canvas, sheet.soften(lines, 0.011), dark, 0.62)
    shade = np.zeros(sheet.shape, np.uint8)
    for s in (-1.0, 1.0):
        _ellipse(sheet, shade, (s * eye, -0.03), (1.25 * anatomy.eye_width, 0.13), 255)
    _ellipse(sheet, shade, (0.0, nose + 0.045), (0.85 * anatomy.nose_width, 0.035), 230)
    _ellipse(sheet, shade, (0.0, float(outlines.landmarks[57, 1]) + 0.045), (0.15, 0.03), 200)
    paint(canvas, sheet.soften(shade, 0.04), dark, 0.3)


def _beard(
    canvas: np.ndarray, sheet: Sheet, anatomy: Anatomy, outlines: Outlines, look: Look, hair: Hair
) -> None:
    if look.beard == "none":
        return
    w, mouth, nose, chin = anatomy.cheek_width, outlines.mouth_y, outlines.nose_y, outlines.chin_y
    corner = float(outlines.landmarks[54, 0])
    area = np.zeros(sheet.shape, np.uint8)
    if look.beard in ("stubble", "full"):
        half = [(0.0, nose + 0.07), (0.6 * corner, nose + 0.09), (corner + 0.1, mouth - 0.02)]
        half += [(0.72 * w, 0.55 * mouth), (0.93 * w, 0.05), (1.05 * w, 0.2), (0.95 * w, chin), (0.0, chin + 0.1)]
        points = np.array(half)
        sheet.fill(area, np.concatenate([points, points[::-1] * [-1, 1]]), 255)
    elif look.beard == "goatee":
        points = np.array([(corner + 0.05, mouth - 0.08), (corner + 0.08, mouth + 0.12), (0.2, chin), (0.0, chin + 0.04)])
        top = np.array([(0.0, nose + 0.08), (0.6 * corner, nose + 0.09)])
        half_line = np.concatenate([top, points])
        sheet.fill(area, np.concatenate([half_line, half_line[::-1] * [-1, 1]]), 255)
    else:
        half_line = np.array([(0.0, nose + 0.07), (0.5 * corner, nose + 0.08), (corner + 0.06, mouth - 0.01)])
        upper = outlines.landmarks[48:55]
        sheet.fill(area, np.concatenate([half_line[::-1] * [-1, 1], half_line, upper[::-1]]), 255)
    rng = np.random.default_rng(look.seed + 1)
    area = sheet.soften(area, 0.035)
    rows, columns = sheet.shape
    grain = cv2.resize(rng.integers(90, 256, (150, 120)).astype(np.uint8), (columns, rows))
    area = cv2.multiply(area, grain, scale=1 / 255)
    paint(canvas, area, tuple(0.8 * np.array(hair.colour)), 0.4 if look.beard == "stubble" else 0.95)


def _nostrils(canvas: np.ndarray, sheet: Sheet, anatomy: Anatomy, outlines: Outlines) -> None:
    holes = np.zeros(sheet.shape, np.uint8)
    for s in (-1.0, 1.0):
        x = s * 0.46 * anatomy.nose_width
        _ellipse(sheet, holes, (x, outlines.nose_y + 0.003), (0.3 * anatomy.nose_width, 0.018), 255, -s * 14)
        wing = [(s * 0.72, -0.13), (s * 1.0, -0.06), (s * 0.92, 0.0), (s * 0.72, 0.012)]
        points = np.array([(wx * anatomy.nose_width, outlines.nose_y + wy) for wx, wy in wing])
        sheet.stroke(holes, spline(points), 110, width=0.014)
    paint(canvas, sheet.soften(holes, 0.009), (52, 26, 22), 0.72)


def _mouth(canvas: np.ndarray, sheet: Sheet, outlines: Outlines, expression: Expression, look: Look) -> None:
    (outer, inner), (inner_low, outer_low) = outlines.upper_lip, outlines.lower_lip
    lips = np.array(look.lips)
    paint(canvas, sheet.mask(np.concatenate([outer, inner[::-1]]), blur=0.006), tuple(0.86 * lips))
    paint(canvas, sheet.mask(np.concatenate([inner_low, outer_low[::-1]]), blur=0.008), tuple(lips))
    cavity = sheet.mask(np.concatenate([inner, inner_low[::-1]]))
    inside = np.empty_like(canvas)
    inside[:] = (66, 22, 24)
    gap = float(np.max(inner_low[:, 1] - inner[:, 1]))
    tongue = float(np.max(inner_low[:, 1])) + 0.03
    _ellipse(sheet, inside, (0.0, tongue), (0.14, 0.35 * gap + 0.01), (160, 78, 78))
    edge = inner + [0.0, min(0.085, 0.75 * gap)]
    sheet.fill(inside, np.concatenate([inner - [0, 0.02], edge[::-1]]), (238, 232, 222))
    for x in np.linspace(-0.2, 0.2, 9):
        sheet.stroke(inside, np.array([[x, inner[12, 1] - 0.1], [x, inner[12, 1] + 0.2]]), (208, 196, 186), width=0.004)
    sheet.fill(inside, np.concatenate([edge, np.array([[1.0, 2.0], [-1.0, 2.0]])]) * 1.0, (66, 22, 24)) if False else None
    paint(canvas, cavity, inside)
    rim = np.zeros(sheet.shape, np.uint8)
    sheet.stroke(rim, inner, 255, width=0.016)
    corners = outlines.landmarks[[48, 54]]
    for x, y in corners:
        _ellipse(sheet, rim, (x, y), (0.02, 0.014), 220)
    paint(canvas, sheet.soften(rim, 0.008), tuple(0.32 * lips), 0.8)


def _eye(canvas: np.ndarray, sheet: Sheet, anatomy: Anatomy, outlines: Outlines, look: Look, side: int) -> None:
    upper, lower = outlines.eyes[side]
    ball = np.empty_like(canvas)
    ball[:] = (232, 226, 220)
    x, y = outlines.irises[side]
    r = 0.5 * anatomy.eye_width
    iris = np.array(look.iris, np.float64)
    _ellipse(sheet, ball, (x, y), (r, r), tuple(0.45 * iris))
    _ellipse(sheet, ball, (x, y), (0.86 * r, 0.86 * r), tuple(iris))
    _ellipse(sheet, ball, (x, y + 0.25 * r), (0.6 * r, 0.5 * r), tuple(np.minimum(1.35 * iris + 10, 255)))
    _ellipse(sheet, ball, (x, y), (0.42 * r, 0.42 * r), (12, 10, 10))
    lid_shadow = np.zeros(sheet.shape, np.uint8)
    sheet.stroke(lid_shadow, upper + [0, 0.012], 255, width=0.05)
    paint(ball, sheet.soften(lid_shadow, 0.016), (70, 46, 40), 0.62)
    _ellipse(sheet, ball, (x - 0.3 * r, y - 0.35 * r), (0.2 * r, 0.2 * r), (250, 250, 250))
    paint(canvas, sheet.mask(np.concatenate([upper, lower[::-1]])), ball)
    dark = (46 - 24 * look.lashes, 28 - 14 * look.lashes, 24 - 10 * look.lashes)
    lines = np.zeros(sheet.shape, np.uint8)
    sheet.stroke(lines, upper, 255, width=0.018 + 0.014 * look.lashes)
    paint(canvas, sheet.soften(lines, 0.004), dark, 0.92)
    lines[:] = 0
    sheet.stroke(lines, lower, 150, width=0.012)
    crease = upper - [0, 0.045] + np.array([0.0, 0.012]) * np.abs(np.linspace(-1, 1, len(upper)))[:, None]
    sheet.stroke(lines, crease, 150, width=0.014)
    paint(canvas, sheet.soften(lines, 0.006), tuple(np.array(look.skin) * [0.5, 0.38, 0.35]), 0.9)


def _brows(canvas: np.ndarray, sheet: Sheet, outlines: Outlines, look: Look, hair: Hair) -> None:
    rng = np.random.default_rng(look.seed + 2)
    mask = np.zeros(sheet.shape, np.uint8)
    for upper, lower in outlines.brows:
        sheet.fill(mask, np.concatenate([upper, lower[::-1]]), 165)
        at = rng.random(46)
        grid = np.linspace(0, 1, len(upper))
        root = np.stack([np.interp(at, grid, lower[:, c]) for c in (0, 1)], 1)
        ahead = np.clip(at + 0.1, 0, 1)
        end = np.stack([np.interp(ahead, grid, upper[:, c]) for c in (0, 1)], 1)
        sheet.stroke(mask, np.stack([root, end], 1), 255, width=0.008)
    paint(canvas, sheet.soften(mask, 0.006), tuple(0.55 * np.array(hair.colour) + [8, 5, 4]), 0.9)


def paint_hair(canvas: np.ndarray, sheet: Sheet, anatomy: Anatomy, hair: Hair) -> None:
    """Fill a canvas with the hair's strands; its outline is the caller's affair."""
    base = np.array(hair.colour)
    canvas[:] = tuple(0.8 * base)
    lines, tones = strands(hair, anatomy, count=260)
    for low, high, factor in ((-1.0, -0.4, 0.5), (-0.4, 0.3, 0.95), (0.3, 0.75, 1.2), (0.75, 1.01, 1.5)):
        chosen = lines[(tones >= low) & (tones < high)]
        if len(chosen):
            sheet.stroke(canvas, chosen, tuple(np.minimum(factor * base + 4, 255)), width=0.014)


def hair_cover(hair: Hair) -> float:
    """Opacity of the hair on the head."""
    return STYLES[hair.style].cover if hair.style else 0.0


def _ellipse(
    sheet: Sheet,
    canvas: np.ndarray,
    centre: tuple[float, float],
    radii: tuple[float, float],
    colour: Colour | float,
    turn: float = 0.0,
) -> None:
    angle = np.linspace(0, 2 * np.pi, 33)[:-1]
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    ring: Points = np.stack([radii[0] * np.cos(angle), radii[1] * np.sin(angle)], 1) @ np.array([[c, s], [-s, c]])
    sheet.fill(canvas, ring + np.array(centre), colour)
