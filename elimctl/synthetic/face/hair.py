"""Hair of a synthetic face: styles, colours, outlines, and the strands that fill them."""

from dataclasses import dataclass

import cv2
import numpy as np

from elimctl.synthetic.face.canvas import Canvas, Colour, Points, blend, ramp, soften
from elimctl.synthetic.face.face_shape import Anatomy, mirror, spline


@dataclass(frozen=True, slots=True)
class HairStyle:
    """Where hair grows and how far it reaches, face units.

    Args:
        top: thickness over the crown.
        side: thickness at the temples.
        line: height of the hairline over the eyes, at the midline.
        corner: further rise of the hairline at the forehead's corners; negative for a fringe.
        reach: how far down hair comes beside the face, y.
        curtain: how far hair covers the face's sides, share of its half width.
        back: how far down hair falls behind the neck, y; None for hair that does not.
        flow: which way strands run: "part", "fall" (over the forehead), "back" (away from it), "curl".
        cover: opacity, below 1 for cropped hair.
    """

    top: float
    side: float
    line: float
    corner: float
    reach: float
    curtain: float
    back: float | None
    flow: str
    cover: float = 1.0


STYLES = {
    "cropped": HairStyle(0.03, 0.02, 0.76, 0.05, 0.0, 0.03, None, "curl", 0.8),
    "receding": HairStyle(0.07, 0.05, 0.93, 0.1, 0.05, 0.02, None, "back", 0.92),
    "short": HairStyle(0.14, 0.06, 0.72, 0.04, 0.08, 0.05, None, "part"),
    "quiff": HairStyle(0.24, 0.05, 0.74, 0.06, 0.05, 0.04, None, "back"),
    "fringe": HairStyle(0.14, 0.1, 0.42, -0.07, 0.22, 0.08, None, "fall"),
    "tied": HairStyle(0.07, 0.04, 0.78, 0.0, 0.0, 0.03, None, "back"),
    "curls": HairStyle(0.3, 0.22, 0.66, 0.0, 0.25, 0.06, 0.5, "curl"),
    "bob": HairStyle(0.14, 0.17, 0.7, -0.02, 0.8, 0.12, 0.95, "part"),
    "long": HairStyle(0.14, 0.16, 0.74, 0.0, 1.2, 0.08, 1.75, "part"),
    "long fringe": HairStyle(0.14, 0.16, 0.42, -0.06, 1.2, 0.1, 1.75, "fall"),
}
_WEIGHTS = {  # of each style for fine (first) and heavy faces
    "cropped": (0.3, 1.8),
    "receding": (0.0, 1.0),
    "short": (0.7, 2.2),
    "quiff": (0.3, 1.2),
    "fringe": (0.8, 0.3),
    "tied": (1.4, 0.2),
    "curls": (1.1, 0.9),
    "bob": (1.8, 0.1),
    "long": (2.2, 0.4),
    "long fringe": (1.2, 0.1),
    "bald": (0.05, 1.0),
}
_PIGMENTS = np.array(
    [(26, 22, 22), (46, 33, 27), (74, 50, 35), (106, 70, 46), (128, 66, 38), (174, 134, 84), (208, 176, 124)]
)
_GREYS = np.array([(104, 100, 98), (158, 154, 150), (206, 202, 196)])
_STRANDS_PER_UNIT = 46.0
_FRAY = 0.08  # how far strands stray over the outline, face units
_WAVES = 512  # period of the texture across the strands


@dataclass(frozen=True, slots=True)
class Hair:
    """An identity's hair.

    Args:
        style: a key of `STYLES`, or "bald".
        colour: RGB, of the brows and a beard too.
        part: where it is parted, face units from the midline.
        seed: of the strands.
    """

    style: str
    colour: Colour
    part: float
    seed: int


def draw_hair(rng: np.random.Generator, *, age: float, darkness: float, heavy: float) -> Hair:
    """Hair that fits an age, a complexion and a build.

    Args:
        rng: source of the choice.
        age: 0 young to 1 old: rather grey, receding or bald.
        darkness: of the skin, 0 to 1: fair hair is rare on dark skin.
        heavy: 0 fine to 1 heavy features: rather short.
    """
    fine_weights, heavy_weights = np.array(list(_WEIGHTS.values())).T
    weights = (1 - heavy) ** 2 * fine_weights + heavy**2 * heavy_weights
    weights *= [0.4 + age if name in ("receding", "bald") else 1.0 for name in _WEIGHTS]
    style = str(rng.choice(list(_WEIGHTS), p=weights / weights.sum()))
    fair = rng.random() ** (1 + 1.5 * darkness) * (1.0 if darkness < 0.5 else 0.35)
    grey = rng.random() < 1.4 * (age - 0.45)
    colour = ramp(_GREYS, rng.random()) if grey else ramp(_PIGMENTS, fair)
    part = float(rng.uniform(0.05, 0.4) * rng.choice([-1, 1]))
    return Hair(style, colour, part, int(rng.integers(2**31)))


def thickness(hair: Hair) -> float:
    """How far the hair stands off the skull at the crown, face units."""
    return STYLES[hair.style].top if hair.style in STYLES else 0.0


def front(hair: Hair, anatomy: Anatomy) -> Points:
    """Closed outline of the hair in front of the head; empty for a bald head."""
    if hair.style not in STYLES:
        return np.zeros((0, 2))
    style, w, crown = STYLES[hair.style], anatomy.cheek_width, anatomy.crown_y
    temple = anatomy.forehead_width * w
    long = style.reach > 0.4
    outer = [
        (0.0, crown - style.top),
        (0.45 * w + 0.4 * style.side, 0.94 * crown - 0.95 * style.top),
        (0.82 * w + 0.8 * style.side, 0.72 * crown - 0.6 * style.top),
        (temple + style.side, 0.36 * crown),
        (w + style.side, min(0.05, style.reach)),
        *([(w + 1.1 * style.side, 0.55 * style.reach)] if long else []),
        (w + 0.5 * style.side, style.reach - 0.02),
        (w, style.reach),
    ]
    inner = [
        *([(w * (0.96 - style.curtain), 0.9 * style.reach)] if long else []),
        (w * (0.985 - style.curtain), min(style.reach - 0.06, 0.3)),
        (w * (0.97 - 1.2 * style.curtain), min(style.reach - 0.12, -0.1)),
        (temple * (0.95 - style.curtain), -0.6 * style.line),
        (0.6 * temple, -style.line - style.corner),
        (0.0, -style.line - 0.02),
    ]
    right = np.array(outer + inner)
    outline = np.concatenate([right, right[::-1][1:-1] * [-1.0, 1.0]])
    if style.flow == "part":
        # hair combed to the side hangs lower over the forehead on that side
        over = (np.abs(outline[:, 0]) < 0.7 * temple) & (outline[:, 1] > crown + 0.12)
        outline[over, 1] -= 0.22 * outline[over, 0] * np.sign(hair.part)
    curve = spline(outline, steps=8, closed=True)
    return _bumpy(curve, hair) if hair.style == "curls" else curve


def back(hair: Hair, anatomy: Anatomy) -> Points:
    """Closed outline of the hair behind the neck; empty where there is none."""
    style = STYLES.get(hair.style)
    if style is None or style.back is None:
        return np.zeros((0, 2))
    w, side, bottom = anatomy.cheek_width, style.side, style.back
    right = [(0.0, -0.6), (w + 0.6 * side, -0.3), (w + 1.05 * side, 0.3), (w + 1.1 * side, 0.6 * bottom)]
    right += [(w + 0.6 * side, bottom - 0.08), (0.5 * w, bottom), (0.0, bottom)]
    half = np.array(right)
    return spline(np.concatenate([mirror(half[:-1]), half[-1:]]), closed=True)


def paint_hair(
    canvas: Canvas, outline: Points, hair: Hair, anatomy: Anatomy, *, brightness: float = 1.0
) -> np.ndarray:
    """Paint strands over an outline, in place.

    Args:
        canvas: RGB.
        outline: closed, face units, not empty.
        hair: the identity's.
        anatomy: the identity's.
        brightness: factor on the colour.

    Returns:
        (rows, columns) uint8, what the hair covers of the canvas: its edge follows the strands.
    """
    style = STYLES[hair.style]
    window = canvas.window(outline, margin=_FRAY)
    mask = window.like(channels=1)
    mask.fill(outline, 255)
    tone = _strands(window, hair, style, anatomy)
    edge = soften(mask.pixels, 0.4 * _FRAY * canvas.scale)
    # the edge is where the softened outline and the strand's tone together pass the middle
    cover = cv2.addWeighted(edge, 3.0, tone, 1.0, -1.5 * 255)
    level = np.linspace(-1.0, 1.0, 256)[:, None]
    # strands catch light unevenly: some shine even where hair is black, the gaps between them are dark
    colours = (0.88 + 0.4 * level + 0.25 * level**2) * np.array(hair.colour) + 26 * np.maximum(
        level, 0
    ) ** 1.5
    table = np.clip(brightness * colours, 0, 255).astype(np.uint8)[None]
    blend(window.pixels, cover, cv2.LUT(cv2.merge([tone, tone, tone]), table), style.cover)
    covered = canvas.like(channels=1)
    covered.window(outline, margin=_FRAY).pixels[:] = cover
    return covered.pixels


def _strands(canvas: Canvas, hair: Hair, style: HairStyle, anatomy: Anatomy) -> np.ndarray:
    """Tones of the strands over a canvas, (rows, columns) uint8."""
    rows, columns = canvas.pixels.shape[:2]
    step_px = max(1, round(canvas.scale / 30))  # strands run smoothly: their course is solved coarsely
    y, x = np.mgrid[0 : rows + step_px : step_px, 0 : columns + step_px : step_px].astype(np.float32)
    x, y = x / canvas.scale + canvas.left, y / canvas.scale + canvas.top
    rng = np.random.default_rng(hair.seed)
    across, along = _flow(x, y, hair, style, anatomy)
    across = across * _STRANDS_PER_UNIT
    bend = rng.normal(0, 9.0 if style.flow == "curl" else 2.0, (9, 8)).astype(np.float32)
    at = (np.stack([x, y], axis=-1) + np.float32(2.0)) * np.float32(2.0)
    across += cv2.remap(bend, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    waves = rng.normal(0, 48, (32, _WAVES)).astype(np.float32)
    texture = np.clip(128 + waves + 1.4 * cv2.blur(waves, (5, 1)), 0, 255).astype(np.uint8)
    course = cv2.merge([across, 4.0 * along.astype(np.float32)])
    size = (course.shape[1] * step_px, course.shape[0] * step_px)
    course = cv2.resize(course, size, interpolation=cv2.INTER_LINEAR)[:rows, :columns]
    return cv2.remap(texture, course, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def _flow(
    x: np.ndarray, y: np.ndarray, hair: Hair, style: HairStyle, anatomy: Anatomy
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates across and along the strands at points, face units."""
    crown = np.float32(anatomy.crown_y)
    if style.flow == "part":
        # arches that leave the parting sideways and then hang down
        arch = np.float32(-0.62)
        beside = x - np.float32(hair.part) * np.clip((arch - y) / np.float32(0.3), 0, 1)
        over = np.minimum(y - arch, np.float32(0))
        return np.hypot(beside, np.float32(1.5) * over) + np.float32(0.35) * beside, y + np.abs(beside)
    if style.flow == "fall":
        return np.float32(1.1) * np.arctan2(x, y - crown + np.float32(0.75)), y
    if style.flow == "back":
        return np.float32(1.2) * np.arctan2(x, y - crown + np.float32(0.8)), y
    return x + np.float32(0.4) * y, np.float32(6.0) * (y - np.float32(0.4) * x)


def _bumpy(curve: Points, hair: Hair) -> Points:
    """An outline with the lobes of curls."""
    phase = np.random.default_rng(hair.seed).uniform(0, 2 * np.pi)
    lobes = np.abs(np.sin(np.linspace(0, 2 * np.pi * 9, len(curve)) + phase))
    centre = np.array([0.0, -0.5])
    return centre + (curve - centre) * (0.98 + 0.04 * lobes)[:, None]
