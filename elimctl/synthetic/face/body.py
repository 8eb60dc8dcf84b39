"""What carries a synthetic head: neck, shoulders, clothes, and the hair that falls behind them."""

import numpy as np

from elimctl.synthetic.face.canvas import Canvas, Points, dim
from elimctl.synthetic.face.face_shape import Anatomy, mirror, spline
from elimctl.synthetic.face.hair import Hair, paint_hair
from elimctl.synthetic.face.skin import Look

_BRIGHTNESS = 0.92  # of the light
_NECK = 0.6  # half the neck's width, share of the face's


def paint_body(
    canvas: Canvas,
    anatomy: Anatomy,
    look: Look,
    hair: Hair,
    *,
    behind: Points,
    seed: int,
    side: float,
) -> None:
    """Paint a body under a head, in place.

    Args:
        canvas: RGB; its face units are those of a head that looks straight ahead.
        anatomy: the identity's.
        look: the identity's.
        hair: the identity's.
        behind: closed outline of the hair behind the neck, (0, 2) for none.
        seed: of the clothes.
        side: where the light comes from, -1 left to 1 right.
    """
    if len(behind):
        paint_hair(canvas, behind, hair, anatomy, brightness=0.62 * _BRIGHTNESS)
    rng = np.random.default_rng(seed)
    _neck(canvas, anatomy, look, brightness=_BRIGHTNESS, side=side)
    _clothes(canvas, anatomy, rng, brightness=_BRIGHTNESS, side=side)


def _neck(canvas: Canvas, anatomy: Anatomy, look: Look, *, brightness: float, side: float) -> None:
    w = _NECK * anatomy.cheek_width
    skin = dim(look.skin, 0.9 * brightness, 0.84 * brightness, 0.82 * brightness)
    dark = dim(look.skin, 0.5 * brightness, 0.37 * brightness, 0.33 * brightness)
    right = np.array(
        [(0.0, 0.6), (w, 0.6), (0.97 * w, 1.05), (1.06 * w, 1.35), (1.9 * w, 1.6), (1.9 * w, 2.1)]
    )
    outline = spline(mirror(right))
    canvas.fill(outline, skin)
    inside = canvas.cut(outline, margin=0.0)
    for x, weight in ((-w, 0.35 + 0.3 * side), (w, 0.35 - 0.3 * side)):
        edge = np.array([(x, 0.7), (0.96 * x, 1.1), (1.1 * x, 1.42)])
        inside.stroke(spline(edge), dark, width=0.2, blur=0.07, opacity=max(weight, 0.1))
    # the head's shadow on the neck
    shadow = np.array([(0.0, 0.5), (1.1 * w, 0.5), (w, 1.08), (0.6 * w, 1.28), (0.0, 1.36)])
    inside.fill(np.concatenate([shadow, shadow[::-1] * [-1.0, 1.0]]), dark, blur=0.07, opacity=0.8)
    for x in (-1.0, 1.0):
        tendon = np.array([(0.75 * x * w, 1.1), (0.25 * x * w, 1.55)])
        inside.stroke(tendon, dark, width=0.03, blur=0.03, opacity=0.35)
        collarbone = np.array([(0.2 * x * w, 1.62), (0.9 * x * w, 1.58), (1.6 * x * w, 1.56)])
        inside.stroke(spline(collarbone), dark, width=0.025, blur=0.025, opacity=0.4)
    canvas.lay(inside, outline)


def _clothes(
    canvas: Canvas, anatomy: Anatomy, rng: np.random.Generator, *, brightness: float, side: float
) -> None:
    w = _NECK * anatomy.cheek_width
    grey = rng.uniform(25, 200)
    r, g, b = np.clip(grey + rng.normal(0, 26, 3), 12, 225) * brightness
    cloth = (float(r), float(g), float(b))
    drop = float(rng.uniform(0.0, 0.32))  # of the neckline
    point = float(rng.uniform(0.0, 1.0))  # 0 round, 1 a V
    neckline = [(0.0, 1.5 + drop), (0.55 * w, 1.5 + drop * (0.9 - 0.5 * point)), (1.12 * w, 1.36)]
    shoulder = [(1.3 * w, 1.37), (1.35, 1.56), (1.75, 1.78), (1.98, 2.3), (2.1, 4.0)]
    half = np.concatenate([np.array(neckline), spline(np.array(shoulder))])
    torso = np.concatenate([half, half[:0:-1] * [-1.0, 1.0]])
    canvas.fill(torso, cloth)
    shaded = canvas.cut(torso, margin=0.0)
    far = -1.0 if side > 0 else 1.0
    shaded.fill(
        np.array([(far * 0.7, 1.2), (far * 2.6, 1.2), (far * 2.6, 4.0), (far * 0.9, 4.0)]),
        dim(cloth, 0.5),
        blur=0.3,
        opacity=0.7,
    )
    for x, bend in zip(rng.uniform(-1.5, 1.5, 5), rng.uniform(-0.4, 0.4, 5), strict=True):
        fold = np.array([(x, 1.6), (x + 0.5 * bend, 2.0), (x + bend, 2.7)])
        shaded.stroke(spline(fold), dim(cloth, 0.55), width=0.05, blur=0.05, opacity=0.45)
    rim = mirror(np.array(neckline))
    shaded.stroke(rim, dim(cloth, 0.6), width=0.05, blur=0.012)
    shaded.stroke(rim + np.array([0.0, 0.035]), dim(cloth, 1.2), width=0.02, blur=0.01, opacity=0.6)
    canvas.lay(shaded, torso)
