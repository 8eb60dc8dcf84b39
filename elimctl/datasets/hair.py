"""Hair of a drawn face: styles, colours, and the strands they are drawn with."""

from dataclasses import dataclass

import numpy as np

from elimctl.datasets.face_relief import GRID, HEIGHT, LEFT, TOP, WIDTH
from elimctl.datasets.face_shape import Anatomy, Outlines, Points, mirror, spline
from elimctl.datasets.sheet import Colour, Sheet


@dataclass(frozen=True, slots=True)
class HairStyle:
    """Where hair grows and how far it reaches, face units.

    Args:
        top: thickness over the crown.
        side: thickness at the temples.
        line: height of the hairline over the eyes, at the midline.
        corner: further rise of the hairline at the forehead's corners; negative makes a fringe round.
        reach: how far down hair comes beside the face, y.
        curtain: how far hair covers the face's sides, share of the face's half width.
        back: how far down hair falls behind the neck, y; None for hair that does not.
        curl: waviness of the strands, 0 to 1.
        cover: opacity, below 1 for cropped hair.
    """

    top: float
    side: float
    line: float
    corner: float
    reach: float
    curtain: float
    back: float | None
    curl: float
    cover: float


STYLES = {
    "cropped": HairStyle(0.03, 0.02, 0.74, 0.05, 0.0, 0.03, None, 0.3, 0.8),
    "receding": HairStyle(0.06, 0.04, 0.88, 0.12, 0.05, 0.02, None, 0.1, 0.9),
    "short": HairStyle(0.13, 0.06, 0.72, 0.04, 0.08, 0.05, None, 0.15, 1.0),
    "quiff": HairStyle(0.24, 0.05, 0.74, 0.05, 0.05, 0.04, None, 0.2, 1.0),
    "fringe": HairStyle(0.14, 0.1, 0.42, -0.06, 0.25, 0.1, None, 0.05, 1.0),
    "tied": HairStyle(0.08, 0.05, 0.76, 0.02, 0.0, 0.03, None, 0.0, 1.0),
    "curls": HairStyle(0.28, 0.2, 0.66, 0.0, 0.2, 0.06, 0.45, 1.0, 1.0),
    "bob": HairStyle(0.14, 0.15, 0.68, -0.02, 0.85, 0.1, 0.9, 0.1, 1.0),
    "long": HairStyle(0.13, 0.14, 0.74, 0.0, 1.25, 0.07, 1.7, 0.35, 1.0),
    "long fringe": HairStyle(0.14, 0.14, 0.42, -0.05, 1.25, 0.1, 1.7, 0.1, 1.0),
}
_NO_GREY = [(24, 20, 20), (44, 30, 24), (72, 46, 30), (104, 66, 40), (122, 52, 26), (176, 130, 74), (206, 170, 112)]
_GREY = [(112, 108, 106), (168, 164, 160), (214, 210, 204)]


@dataclass(frozen=True, slots=True)
class Hair:
    """An identity's hair.

    Args:
        style: a key of `STYLES`, or None for a bald head.
        colour: RGB.
        part: where it is parted, share of the face's half width.
        seed: of the strands.
    """

    style: str | None
    colour: Colour
    part: float
    seed: int


def draw_hair(rng: np.random.Generator, *, age: float, darkness: float) -> Hair:
    """Hair that fits an age and a complexion.

    Args:
        rng: source of the choice.
        age: 0 young to 1 old.
        darkness: of the skin, 0 to 1; fair hair is rare on dark skin.
    """
    weights = np.array([1.2, 0.4 + 1.2 * age, 1.8, 1.0, 0.9, 0.9, 1.1, 1.2, 1.5, 0.7, 0.35 + 0.9 * age])
    choice = int(rng.choice(len(weights), p=weights / weights.sum()))
    fair = rng.random() ** (1 + 1.2 * darkness) * (1.0 if darkness < 0.55 else 0.35)
    grey = rng.random() < 0.9 * max(age - 0.45, 0.0) / 0.55
    ramp = np.array(_GREY if grey else _NO_GREY, dtype=np.float64)
    place = (rng.random() if grey else fair) * (len(ramp) - 1)
    colour = [float(np.interp(place, np.arange(len(ramp)), ramp[:, c])) for c in range(3)]
    part = float(rng.uniform(0.15, 0.5) * rng.choice([-1, 1]))
    style = [*STYLES, None][choice]
    return Hair(style, (colour[0], colour[1], colour[2]), part, int(rng.integers(2**31)))


def front(hair: Hair, anatomy: Anatomy, outlines: Outlines) -> Points:
    """Closed outline of the hair in front of the head; empty for a bald head."""
    if hair.style is None:
        return np.zeros((0, 2))
    style, w, crown = STYLES[hair.style], anatomy.cheek_width, anatomy.crown_y
    temple = anatomy.forehead_width * w
    outer = [
        [0.0, crown - style.top],
        [0.45 * w + 0.4 * style.side, 0.94 * crown - 0.95 * style.top],
        [0.82 * w + 0.8 * style.side, 0.72 * crown - 0.6 * style.top],
        [temple + style.side, 0.36 * crown],
        [w + style.side, min(0.0, style.reach)],
        *([[w + 1.15 * style.side, 0.5 * style.reach]] if style.reach > 0.4 else []),
        [w * (1 - 0.5 * style.curtain) + 0.7 * style.side, style.reach],
    ]
    inner = [
        [w * (0.995 - style.curtain), style.reach - 0.02],
        [w * (0.97 - 1.2 * style.curtain), min(style.reach - 0.1, -0.05)],
        [temple * (0.96 - style.curtain), -0.55 * style.line],
        [0.62 * temple, -style.line - style.corner],
        [0.0, -style.line],
    ]
    right = np.array(outer + inner)
    left = right[::-1][1:-1] * [-1.0, 1.0]
    tilt = np.concatenate([right, left])
    over_forehead = np.abs(tilt[:, 0]) < 0.7 * temple
    low = over_forehead & (tilt[:, 1] > crown + 0.1)
    tilt[low, 1] += 0.18 * (tilt[low, 0] * np.sign(hair.part)) * (0.0 if style.corner < 0 else 1.0)
    curve = spline(tilt, steps=7, closed=True)
    if style.curl > 0.5:
        rng = np.random.default_rng(hair.seed)
        waves = np.sin(np.linspace(0, 2 * np.pi * 23, len(curve)) + rng.uniform(0, 6))
        centre = np.array([0.0, -0.5])
        curve = centre + (curve - centre) * (1 + 0.025 * waves)[:, None]
    return curve


def back(hair: Hair, anatomy: Anatomy) -> Points:
    """Closed outline of the hair behind the neck; empty where there is none."""
    if hair.style is None or STYLES[hair.style].back is None:
        return np.zeros((0, 2))
    style, w = STYLES[hair.style], anatomy.cheek_width
    bottom = style.back or 0.0
    right = np.array(
        [
            [0.0, -0.6],
            [w + 0.5 * style.side, -0.3],
            [w + 1.1 * style.side, 0.3],
            [w + 1.3 * style.side, 0.6 * bottom],
            [w + 0.6 * style.side, bottom - 0.05],
            [0.5 * w, bottom],
        ]
    )
    return spline(mirror(right), closed=True)


def height(hair: Hair, sheet_mask: np.ndarray) -> np.ndarray:
    """How far hair stands off the head, on the relief's grid.

    Args:
        hair: the identity's.
        sheet_mask: (rows, columns) float32 in [0, 1], the front outline filled.
    """
    if hair.style is None:
        return np.zeros_like(sheet_mask)
    style = STYLES[hair.style]
    return np.float32(0.03 + 0.5 * style.top) * sheet_mask


def strands(hair: Hair, anatomy: Anatomy, *, count: int) -> tuple[Points, np.ndarray]:
    """Lines that hair is drawn with, from the parting outwards.

    Returns:
        (count, 12, 2) face units, and (count,) tones in [-1, 1].
    """
    assert hair.style is not None
    style, w = STYLES[hair.style], anatomy.cheek_width
    rng = np.random.default_rng(hair.seed)
    side = np.where(rng.random(count) < 0.5 + 0.3 * hair.part, -1.0, 1.0)
    part = hair.part * w if style.corner >= 0 else 0.0
    spread = rng.random(count)
    root = np.stack([part + 0.06 * side * spread, anatomy.crown_y - style.top + 0.62 * rng.random(count) ** 1.5], 1)
    edge = side * (w + style.side)
    low = np.maximum(style.reach, -0.1)
    tip = np.stack([edge * (0.55 + 0.5 * spread), -0.75 + (low + 0.85) * spread**0.7], 1)
    bend = np.stack([0.35 * part + 0.65 * edge, root[:, 1] - 0.05 + 0.1 * spread], 1)
    if style.corner < 0:
        falls = rng.random(count) < 0.55
        x = rng.uniform(-0.85, 0.85, count) * w
        tip[falls] = np.stack([x, np.full(count, -style.line + 0.05)], 1)[falls]
        root[falls, 0] = 0.5 * x[falls]
        bend[falls] = np.stack([1.05 * x, np.full(count, -0.85)], 1)[falls]
    t = np.linspace(0, 1, 12)[None, :, None]
    lines = (1 - t) ** 2 * root[:, None] + 2 * t * (1 - t) * bend[:, None] + t**2 * tip[:, None]
    phase = rng.uniform(0, 2 * np.pi, (count, 1))
    wave = np.sin(phase + np.linspace(0, 14, 12)[None, :]) * 0.05 * style.curl
    lines[..., 0] += wave
    lines[..., 1] += 0.6 * np.roll(wave, 2, axis=1)
    return lines, rng.uniform(-1.0, 1.0, count)


GRID_SHEET = Sheet(LEFT, TOP, WIDTH, HEIGHT, GRID)
