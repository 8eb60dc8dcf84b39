"""Skin of a synthetic face, before light falls on it: tone, blush, marks, lines and beard."""

from dataclasses import dataclass

import cv2
import numpy as np

from elimctl.synthetic.face.canvas import Canvas, Colour, Points, blend, dim, ramp, soften
from elimctl.synthetic.face.expression import Expression
from elimctl.synthetic.face.face_shape import Anatomy, Outlines, spline

_SKINS = np.array(
    [
        (241, 205, 182),
        (234, 189, 158),
        (219, 170, 136),
        (193, 141, 106),
        (158, 107, 76),
        (118, 78, 55),
        (88, 59, 44),
    ]
)
_IRISES = np.array(
    [
        (58, 36, 22),
        (78, 48, 28),
        (104, 72, 40),
        (100, 104, 66),
        (94, 120, 128),
        (78, 112, 148),
        (122, 128, 128),
    ]
)
BEARDS = ("stubble", "full", "goatee", "moustache")


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
        beard: one of `BEARDS`, or None.
        glasses: thickness of the frames, face units; 0 for none.
        lashes: darkness of lashes and lids, 0 to 1.
        freckles: number of spots.
        seed: of spots and texture.
    """

    skin: Colour
    darkness: float
    flush: float
    lips: Colour
    iris: Colour
    age: float
    beard: str | None
    glasses: float
    lashes: float
    freckles: int
    seed: int


def draw_look(rng: np.random.Generator, *, heavy: float) -> Look:
    """Colours and marks within the variety of adult faces.

    Args:
        rng: source of the choice.
        heavy: 0 fine to 1 heavy features; only heavy faces wear beards, fine ones darker lashes and lips.
    """
    darkness = float(rng.random())
    paler, redder = rng.normal(0, 4, 2)
    skin = dim(ramp(_SKINS + paler + redder * np.array([1.0, 0.0, -0.7]), darkness), 1.0)
    makeup = float(rng.random() * (1 - heavy))
    lips = dim(skin, 0.88 + 0.02 * darkness - 0.04 * makeup, 0.66 - 0.26 * makeup, 0.66 - 0.2 * makeup)
    eyes = rng.random() ** (1.2 + 2 * darkness) * (0.3 if darkness > 0.55 else 1.0)
    bearded, spotted, bespectacled = rng.random(3)
    return Look(
        skin=skin,
        darkness=darkness,
        flush=float(rng.uniform(0.3, 0.9)),
        lips=lips,
        iris=ramp(_IRISES, eyes),
        age=float(rng.random() ** 1.3),
        beard=str(rng.choice(BEARDS)) if heavy > 0.5 and bearded < 0.6 else None,
        glasses=float(rng.uniform(0.016, 0.032)) if bespectacled < 0.1 else 0.0,
        lashes=float(np.clip(0.25 + 0.4 * (1 - heavy) + 0.6 * makeup, 0, 1)),
        freckles=int(rng.integers(25, 70)) if spotted < 0.2 and darkness < 0.45 else 0,
        seed=int(rng.integers(2**31)),
    )


def paint_skin(
    canvas: Canvas, anatomy: Anatomy, outlines: Outlines, expression: Expression, look: Look, *, hair: Colour
) -> None:
    """Cover a canvas with skin; the face's features come on top of it."""
    rng = np.random.default_rng(look.seed)
    _texture(canvas, rng, look)
    _blush(canvas, outlines, look)
    for x, y in rng.normal([0.0, 0.26], [0.36, 0.12], (look.freckles, 2)):
        canvas.ellipse(x, y, (0.013, 0.013), dim(look.skin, 0.74, 0.56, 0.45), blur=0.005, opacity=0.5)
    _hollows(canvas, anatomy, outlines, look)
    _beard(canvas, anatomy, outlines, look, rng, hair=hair)
    _lines(canvas, anatomy, outlines, expression, look)


def _texture(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Fill with the skin's tone, unevenly as skin is."""
    mottle = rng.normal(1.0, 0.016, (26, 22)).astype(np.float32)
    pores = rng.standard_normal((165, 140), dtype=np.float32) * np.float32(0.014)
    tone = cv2.resize(mottle, pores.shape[::-1], interpolation=cv2.INTER_CUBIC) + pores
    skin = cv2.merge([cv2.convertScaleAbs(tone, alpha=float(channel)) for channel in look.skin])
    rows, columns = canvas.pixels.shape[:2]
    canvas.pixels[:] = cv2.resize(skin, (columns, rows), interpolation=cv2.INTER_LINEAR)


def _blush(canvas: Canvas, outlines: Outlines, look: Look) -> None:
    red = dim(look.skin, 0.98, 0.74, 0.71)
    for x in (-0.5, 0.5):
        canvas.ellipse(x, 0.38, (0.17, 0.11), red, blur=0.1, opacity=0.7 * look.flush)
    canvas.ellipse(0.0, outlines.nose_y - 0.07, (0.1, 0.07), red, blur=0.06, opacity=0.5 * look.flush)
    canvas.ellipse(0.0, outlines.chin_y - 0.12, (0.12, 0.06), red, blur=0.08, opacity=0.3 * look.flush)


def _hollows(canvas: Canvas, anatomy: Anatomy, outlines: Outlines, look: Look) -> None:
    """Places that are dark whatever the light: sockets, under the nose, under the lower lip."""
    dark = dim(look.skin, 0.66, 0.5, 0.46)
    for side in (-1.0, 1.0):
        x = side * anatomy.eye_x
        canvas.ellipse(0.95 * x, -0.05, (1.2 * anatomy.eye_width, 0.07), dark, blur=0.05, opacity=0.42)
        canvas.ellipse(0.6 * x, -0.02, (0.05, 0.07), dark, blur=0.04, opacity=0.3)
        canvas.ellipse(
            x, 0.11, (0.9 * anatomy.eye_width, 0.025), dark, blur=0.03, opacity=0.12 + 0.2 * look.age
        )
    canvas.ellipse(
        0.0, outlines.nose_y + 0.05, (0.8 * anatomy.nose_width, 0.03), dark, blur=0.03, opacity=0.22
    )
    below_lip = float(outlines.landmarks[57, 1]) + 0.04
    canvas.ellipse(0.0, below_lip, (0.13, 0.022), dark, blur=0.025, opacity=0.4)


def _lines(canvas: Canvas, anatomy: Anatomy, outlines: Outlines, expression: Expression, look: Look) -> None:
    """Lines of age and of the expression."""
    dark = dim(look.skin, 0.56, 0.42, 0.38)

    def crease(points: list[tuple[float, float]], strength: float, width: float = 0.018) -> None:
        depth = float(np.clip(strength, 0, 1))
        canvas.stroke(spline(np.array(points)), dark, width=width, blur=0.012, opacity=0.7 * depth)

    eye, half, brow, nose = anatomy.eye_x, anatomy.eye_width, anatomy.brow_y, outlines.nose_y
    corner_x, corner_y = outlines.landmarks[54]
    fold_x = 0.5 * (anatomy.nose_width + corner_x) + 0.085
    smile_fold = 0.12 + 0.5 * look.age + 0.55 * expression.cheek
    crows_feet = 0.9 * look.age + 0.35 * expression.cheek - 0.35
    for s in (-1.0, 1.0):
        wing = s * (anatomy.nose_width + 0.025)
        mid_fold = (s * fold_x, 0.5 * (nose + corner_y) - 0.03)
        crease([(wing, nose - 0.07), mid_fold, (s * (corner_x + 0.08), corner_y + 0.03)], smile_fold, 0.024)
        bag = [(s * (eye - half), 0.07), (s * eye, 0.125), (s * (eye + 0.95 * half), 0.085)]
        crease(bag, 0.1 + 0.5 * look.age)
        for spread in (-1.0, 0.0, 1.0):
            start, end = (
                (s * (eye + half + 0.04), 0.03 * spread),
                (s * (eye + half + 0.13), 0.075 * spread + 0.01),
            )
            crease([start, end], crows_feet, 0.012)
        crease([(s * 0.055, -brow - 0.04), (s * 0.045, -brow + 0.08)], 0.8 * expression.frown - 0.1, 0.02)
        crease([(s * (corner_x + 0.012), corner_y - 0.03), (s * (corner_x + 0.028), corner_y + 0.03)], 0.5)
    raised = 0.55 * look.age + 0.5 * expression.brow_raise - 0.25
    for k in range(3):
        y = -brow - 0.18 - 0.085 * k
        crease([(-0.33, y + 0.012), (-0.15, y - 0.01), (0.15, y - 0.01), (0.33, y + 0.012)], raised)


def _beard(
    canvas: Canvas,
    anatomy: Anatomy,
    outlines: Outlines,
    look: Look,
    rng: np.random.Generator,
    *,
    hair: Colour,
) -> None:
    if look.beard is None:
        return
    mask = canvas.like(channels=1)
    mask.fill(_beard_outline(anatomy, outlines, look.beard), 255)
    soft = soften(mask.pixels, 0.045 * canvas.scale)
    grain = cv2.resize(rng.integers(70, 256, (190, 150)).astype(np.uint8), soft.shape[::-1])
    thin = look.beard == "stubble"
    colour = (
        tuple(0.5 * np.array(dim(hair, 0.8)) + 0.5 * np.array(look.skin) * 0.45) if thin else dim(hair, 0.75)
    )
    blend(canvas.pixels, cv2.multiply(soft, grain, scale=1 / 255), colour, 0.5 if thin else 1.0)
    if not thin:
        blend(canvas.pixels, soft, dim(hair, 0.7), 0.55)


def _beard_outline(anatomy: Anatomy, outlines: Outlines, beard: str) -> Points:
    """Closed outline of the hair below the nose; the lips are painted over it."""
    w, mouth, nose, chin = anatomy.cheek_width, outlines.mouth_y, outlines.nose_y, outlines.chin_y
    corner_x, corner_y = (float(value) for value in outlines.landmarks[54])
    lip = [(0.0, nose + 0.09), (0.6 * corner_x, nose + 0.1)]
    if beard == "goatee":
        rest = [
            (corner_x + 0.05, corner_y - 0.05),
            (corner_x + 0.06, corner_y + 0.12),
            (0.22, chin - 0.02),
            (0.0, chin),
        ]
    elif beard == "moustache":
        rest = [
            (corner_x + 0.04, corner_y - 0.02),
            (corner_x, corner_y + 0.02),
            (0.0, outlines.landmarks[51, 1]),
        ]
    else:
        cheek = [(corner_x + 0.1, mouth - 0.04), (0.7 * w, 0.6 * mouth), (0.9 * w, 0.1)]
        rest = [*cheek, (1.1 * w, 0.1), (1.1 * w, chin), (0.0, chin + 0.12)]
    half = np.array(lip + rest)
    return np.concatenate([half, half[::-1] * [-1.0, 1.0]])
