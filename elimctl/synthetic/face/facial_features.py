"""Eyes, brows, nostrils, mouth and glasses of a synthetic face, painted onto its skin."""

import numpy as np

from elimctl.synthetic.face.canvas import Canvas, Colour, dim
from elimctl.synthetic.face.expression import Expression
from elimctl.synthetic.face.face_shape import Anatomy, Outlines, spline
from elimctl.synthetic.face.skin import Look


def paint_features(
    canvas: Canvas, anatomy: Anatomy, outlines: Outlines, expression: Expression, look: Look, *, hair: Colour
) -> None:
    """Paint the features, in place."""
    _ears(canvas, anatomy, look)
    _nostrils(canvas, anatomy, outlines, look)
    _mouth(canvas, outlines, expression, look)
    for side in (0, 1):
        _eye(canvas, anatomy, outlines, look, side)
    _brows(canvas, outlines, look, hair)
    if look.glasses:
        _glasses(canvas, anatomy, look)


def ear(anatomy: Anatomy, side: float) -> np.ndarray:
    """Closed outline of the ear on one side, -1 the image's left."""
    w, size = anatomy.cheek_width, anatomy.ear_size
    rim = np.array([(-0.05, -0.16), (0.06, -0.2), (0.12, -0.1), (0.1, 0.06), (0.04, 0.19), (-0.04, 0.2)])
    return spline((rim * size + [w, 0.1]) * [side, 1.0], closed=True)


def _ears(canvas: Canvas, anatomy: Anatomy, look: Look) -> None:
    for side in (-1.0, 1.0):
        canvas.fill(ear(anatomy, side), dim(look.skin, 0.94, 0.82, 0.8), blur=0.01)
        fold = (np.array([(0.0, -0.1), (0.06, -0.1), (0.055, 0.02), (0.01, 0.1)]) * anatomy.ear_size) + [
            anatomy.cheek_width,
            0.1,
        ]
        canvas.stroke(spline(fold * [side, 1.0]), dim(look.skin, 0.55, 0.38, 0.34), width=0.02, blur=0.012)


def _nostrils(canvas: Canvas, anatomy: Anatomy, outlines: Outlines, look: Look) -> None:
    w, y = anatomy.nose_width, outlines.nose_y
    dark, shade = dim(look.skin, 0.2, 0.12, 0.11), dim(look.skin, 0.5, 0.36, 0.32)
    for side in (-1.0, 1.0):
        wing = np.array([(0.8, -0.12), (1.02, -0.06), (0.95, 0.0), (0.72, 0.02)]) * [side * w, 1.0] + [0.0, y]
        canvas.stroke(spline(wing), shade, width=0.014, blur=0.012, opacity=0.75)
        canvas.ellipse(
            side * 0.45 * w, y + 0.006, (0.27 * w, 0.017), dark, turn=-14 * side, blur=0.01, opacity=0.7
        )


def _mouth(canvas: Canvas, outlines: Outlines, expression: Expression, look: Look) -> None:
    (outer, inner), (inner_low, outer_low) = outlines.upper_lip, outlines.lower_lip
    canvas.fill(np.concatenate([outer, inner[::-1]]), dim(look.lips, 0.84), blur=0.008)
    canvas.fill(np.concatenate([inner_low, outer_low[::-1]]), look.lips, blur=0.01)
    opening = np.concatenate([inner, inner_low[::-1]])
    inside = canvas.cut(opening, margin=0.03)
    inside.pixels[:] = (58, 18, 20)
    middle = len(inner) // 2
    top, bottom = float(inner[middle, 1]), float(inner_low[middle, 1])
    gap = bottom - top
    inside.ellipse(0.0, bottom + 0.02, (0.15, 0.35 * gap + 0.01), (168, 80, 80), blur=0.012)
    # the upper teeth hang from the lip, the more of them the wider the smile
    tall = min(0.94 * gap, 0.02 + 0.085 * expression.teeth)
    shrink = np.array([0.9, 1.0])
    edge = inner * shrink + [0.0, tall]
    inside.fill(
        np.concatenate([inner * shrink - [0.0, 0.03], edge[::-1]]),
        (236, 229, 217),
        blur=0.006,
        opacity=min(tall / 0.05, 1.0),
    )
    for x in (-0.11, -0.055, 0.0, 0.055, 0.11):
        at = np.array([[x, top - 0.01], [x, top + 0.9 * tall]])
        inside.stroke(at, (196, 180, 166), width=0.006, opacity=min(tall / 0.08, 0.6))
    inside.stroke(inner + np.array([0.0, 0.006]), (50, 16, 18), width=0.025, blur=0.014, opacity=0.7)
    canvas.lay(inside, opening)
    seam = dim(look.lips, 0.36, 0.28, 0.28)
    canvas.stroke(inner, seam, width=0.014, blur=0.007, opacity=0.85)
    for x, y in outlines.landmarks[[48, 54]]:
        canvas.ellipse(x, y, (0.018, 0.012), seam, blur=0.01, opacity=0.8)


def _eye(canvas: Canvas, anatomy: Anatomy, outlines: Outlines, look: Look, side: int) -> None:
    upper, lower = outlines.eyes[side]
    almond = np.concatenate([upper, lower[::-1]])
    ball = canvas.cut(almond, margin=0.03)
    ball.pixels[:] = (226, 219, 212)
    x, y = outlines.irises[side]
    r = 0.46 * anatomy.eye_width
    for corner in (upper[0], upper[-1]):
        ball.ellipse(corner[0], corner[1], (0.05, 0.05), (204, 160, 150), blur=0.02, opacity=0.8)
    ball.ellipse(x, y, (r, r), dim(look.iris, 0.42), blur=0.004)
    ball.ellipse(x, y, (0.84 * r, 0.84 * r), look.iris, blur=0.008)
    ball.ellipse(x, y + 0.35 * r, (0.55 * r, 0.4 * r), dim(look.iris, 1.5), blur=0.012, opacity=0.8)
    ball.ellipse(x, y, (0.42 * r, 0.42 * r), (10, 8, 8), blur=0.003)
    ball.stroke(upper + np.array([0.0, 0.014]), (40, 26, 24), width=0.035, blur=0.018, opacity=0.75)
    ball.ellipse(x - 0.3 * r, y - 0.32 * r, (0.19 * r, 0.19 * r), (252, 252, 252), blur=0.003)
    canvas.lay(ball, almond)
    t = np.linspace(-1, 1, len(upper))
    ink = dim(look.skin, 0.26 - 0.16 * look.lashes, 0.17 - 0.1 * look.lashes, 0.15 - 0.08 * look.lashes)
    canvas.stroke(upper, ink, width=0.016 + 0.014 * look.lashes, blur=0.004, opacity=0.95)
    canvas.stroke(lower, dim(look.skin, 0.5, 0.32, 0.29), width=0.012, blur=0.006, opacity=0.75)
    fold = upper - np.stack([0 * t, 0.042 - 0.018 * t**2], axis=1)
    canvas.stroke(fold, dim(look.skin, 0.5, 0.36, 0.32), width=0.016, blur=0.009, opacity=0.7)
    if look.lashes > 0.45:
        outward = np.linspace(-0.3, 1.0, len(upper)) if side else np.linspace(-1.0, 0.3, len(upper))
        tips = upper + np.stack([0.035 * outward, -0.03 * np.abs(outward)], axis=1)
        canvas.stroke(np.stack([upper, tips], axis=1), ink, width=0.007, opacity=look.lashes)


def _brows(canvas: Canvas, outlines: Outlines, look: Look, hair: Colour) -> None:
    rng = np.random.default_rng(look.seed + 1)
    # brows are darker than the hair of fair heads, and never pure black
    r, g, b = dim(hair, 0.5)
    colour = (r + 6, g + 4, b + 4)
    for upper, lower in outlines.brows:
        canvas.fill(np.concatenate([upper, lower[::-1]]), colour, blur=0.012, opacity=0.8)
        at = rng.random(44)
        grid = np.linspace(0, 1, len(upper))

        def along(curve: np.ndarray, place: np.ndarray, grid: np.ndarray = grid) -> np.ndarray:
            return np.stack([np.interp(place, grid, curve[:, axis]) for axis in (0, 1)], axis=1)

        hairs = np.stack([along(lower, at), along(upper, np.clip(at + 0.11, 0, 1)) - [0.0, 0.008]], axis=1)
        canvas.stroke(hairs, dim(colour, 0.75), width=0.008, opacity=0.5)


def _glasses(canvas: Canvas, anatomy: Anatomy, look: Look) -> None:
    rng = np.random.default_rng(look.seed + 2)
    frame = dim((70, 60, 58), float(rng.uniform(0.25, 0.9)))
    angle = np.linspace(0, 2 * np.pi, 41)
    square = float(rng.uniform(0.55, 1.0))
    half_x, half_y = 0.245, float(rng.uniform(0.15, 0.19))
    c, s = np.cos(angle), np.sin(angle)
    ring = np.stack([half_x * np.sign(c) * np.abs(c) ** square, half_y * np.sign(s) * np.abs(s) ** square], 1)
    x = max(anatomy.eye_x, half_x + 0.04)
    for side in (-1.0, 1.0):
        lens = ring + np.array([side * x, 0.03])
        canvas.fill(lens, (235, 240, 245), opacity=0.07)
        canvas.stroke(lens, frame, width=look.glasses, blur=0.003)
        arm = np.array([[side * (x + half_x), -0.03], [side * anatomy.cheek_width * 1.02, -0.06]])
        canvas.stroke(arm, frame, width=look.glasses)
    bridge = np.array([[half_x - x, 0.0], [0.0, -0.03], [x - half_x, 0.0]])
    canvas.stroke(spline(bridge), frame, width=look.glasses)
