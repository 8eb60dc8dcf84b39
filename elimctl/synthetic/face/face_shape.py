"""The outlines of a synthetic face: an identity's anatomy, moved by an expression.

Everything is in face units, seen from the front: the origin lies between the eyes, x points to the
image's right, y down; the face is about 1.6 wide and 2.3 from crown to chin.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from elimctl.synthetic.face.canvas import Points
from elimctl.synthetic.face.expression import Expression

_LIP_U = np.array([-1.0, -0.66, -0.27, 0.0, 0.27, 0.66, 1.0])  # where iBUG puts its points along the lips
_INNER_U = np.array([-0.88, -0.33, 0.0, 0.33, 0.88])


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Sizes and places of an identity's features, face units."""

    cheek_width: float  # half the width at the cheekbones
    jaw_width: float  # at the mouth, as a share of the cheek's
    forehead_width: float  # at the temples, as a share of the cheek's
    chin_width: float
    chin_y: float
    crown_y: float
    eye_x: float  # half the distance of the eyes
    eye_width: float  # half an eye
    eye_height: float  # aperture at rest, as a share of the eye's width
    eye_slant: float  # rise of the outer corner
    brow_y: float  # distance from eye to brow
    brow_arch: float
    brow_thickness: float
    nose_length: float
    nose_width: float  # half the width at the nostrils
    nose_height: float  # how far the tip stands out
    mouth_y: float  # place between nose and chin, 0 to 1
    mouth_width: float  # half
    upper_lip: float
    lower_lip: float
    ear_size: float


@dataclass(frozen=True, slots=True)
class Outlines:
    """Curves of one face with one expression, face units; each as dense as drawing needs."""

    head: Points  # closed, from the chin round the crown
    landmarks: Points  # (68, 2), iBUG order
    eyes: tuple[tuple[Points, Points], ...]  # (upper, lower) lid from left to right, per eye
    irises: Points  # (2, 2) centres
    brows: tuple[tuple[Points, Points], ...]  # (upper, lower) edge, inner end first
    upper_lip: tuple[Points, Points]  # outer, inner edge from left to right
    lower_lip: tuple[Points, Points]  # inner, outer edge
    mouth_y: float
    chin_y: float
    nose_y: float


def draw_anatomy(rng: np.random.Generator, *, heavy: float) -> Anatomy:
    """An anatomy within the variety of adult faces.

    Args:
        rng: source of the choice.
        heavy: 0 fine to 1 heavy bones and brows.
    """

    def between(low: float, high: float, lean: float = 0.0) -> float:
        """Uniform in a range; `lean` of its width goes with heaviness instead of chance."""
        place = (1 - abs(lean)) * rng.random() + (lean * heavy if lean >= 0 else -lean * (1 - heavy))
        return float(low + (high - low) * place)

    return Anatomy(
        cheek_width=between(0.7, 0.81),
        jaw_width=between(0.74, 0.9, 0.4),
        forehead_width=between(0.88, 0.98),
        chin_width=between(0.2, 0.34, 0.5),
        chin_y=between(1.08, 1.28, 0.4),
        crown_y=between(-1.22, -1.1),
        eye_x=between(0.305, 0.355),
        eye_width=between(0.145, 0.175, -0.3),
        eye_height=between(0.34, 0.45, -0.3),
        eye_slant=between(-0.02, 0.03),
        brow_y=between(0.19, 0.25, -0.5),
        brow_arch=between(0.02, 0.07, -0.5),
        brow_thickness=between(0.04, 0.085, 0.6),
        nose_length=between(0.44, 0.56, 0.3),
        nose_width=between(0.13, 0.2, 0.3),
        nose_height=between(0.2, 0.31, 0.3),
        mouth_y=between(0.36, 0.44),
        mouth_width=between(0.24, 0.31),
        upper_lip=between(0.04, 0.085, -0.4),
        lower_lip=between(0.06, 0.11, -0.4),
        ear_size=between(0.85, 1.15, 0.3),
    )


def outline(anatomy: Anatomy, expression: Expression, *, gaze: tuple[float, float]) -> Outlines:
    """The curves of a face.

    Args:
        anatomy: the identity's.
        expression: what its muscles do.
        gaze: offset of the irises, share of half an eye, x then y.
    """
    drop = 0.15 * expression.mouth_open
    chin_y = anatomy.chin_y + drop
    nose_y = anatomy.nose_length
    mouth_y = nose_y + anatomy.mouth_y * (anatomy.chin_y - nose_y)
    head = _head(anatomy, drop)
    lips = _lips(anatomy, expression, mouth_y)
    eyes = tuple(_eye(anatomy, expression, side) for side in (-1.0, 1.0))
    brows = tuple(_brow(anatomy, expression, side) for side in (-1.0, 1.0))
    upper_outer, upper_inner, lower_inner, lower_outer = lips
    landmarks = np.concatenate(
        [
            _jaw_points(head),
            _brow_points(brows[0])[::-1],
            _brow_points(brows[1]),
            _nose_points(anatomy),
            _eye_points(eyes[0]),
            _eye_points(eyes[1]),
            _mouth_points(upper_outer, lower_outer, upper_inner, lower_inner),
        ]
    )
    shift = anatomy.eye_width * np.array(gaze)
    irises = np.array([[-anatomy.eye_x, -0.012], [anatomy.eye_x, -0.012]]) + shift
    return Outlines(
        head=head,
        landmarks=landmarks,
        eyes=eyes,
        irises=irises,
        brows=brows,
        upper_lip=(upper_outer, upper_inner),
        lower_lip=(lower_inner, lower_outer),
        mouth_y=mouth_y,
        chin_y=chin_y,
        nose_y=nose_y,
    )


def spline(points: Points, *, steps: int = 8, closed: bool = False) -> Points:
    """A Catmull-Rom curve through points.

    Args:
        points: (N, 2) to pass through.
        steps: samples per stretch.
        closed: whether the last point joins the first.
    """
    points = np.asarray(points, dtype=np.float64)
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    windows = np.stack([padded[i : len(padded) - 3 + i] for i in range(4)], axis=1)
    curve = (_basis(steps) @ windows).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


@cache
def _basis(steps: int) -> np.ndarray:
    """Weights (steps, 4) of four successive points along the stretch between the middle two."""
    t = np.linspace(0.0, 1.0, steps, endpoint=False)
    cubic = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]])
    return 0.5 * np.stack([t**0, t, t**2, t**3], axis=1) @ cubic


def mirror(right: Points) -> Points:
    """A half outline from the midline outwards, completed to the other side."""
    left = right[::-1] * [-1.0, 1.0]
    return np.concatenate([left, right[1:] if right[0, 0] == 0 else right])


def _head(anatomy: Anatomy, drop: float) -> Points:
    """The head's closed contour; the jaw follows the chin as the mouth opens."""
    w, chin = anatomy.cheek_width, anatomy.chin_y
    half = np.array(
        [
            [0.0, anatomy.crown_y],
            [0.45 * w, 0.94 * anatomy.crown_y],
            [0.82 * w, 0.72 * anatomy.crown_y],
            [anatomy.forehead_width * w, 0.36 * anatomy.crown_y],
            [w, 0.08],
            [(0.3 + 0.7 * anatomy.jaw_width) * w, 0.36 * chin + 0.25 * drop],
            [anatomy.jaw_width * w * 0.95, 0.6 * chin + 0.6 * drop],
            [0.52 * anatomy.jaw_width * w + 0.5 * anatomy.chin_width, 0.84 * chin + 0.9 * drop],
            [anatomy.chin_width, 0.965 * chin + drop],
        ]
    )
    right = np.concatenate([half, [[0.0, chin + drop]]])
    return spline(np.concatenate([right, (half[:0:-1]) * [-1.0, 1.0]]), closed=True)


def _jaw_points(head: Points) -> Points:
    """17 points evenly along the contour below the eyes, from the image's left to its right."""
    middle = int(np.argmax(head[:, 1]))
    right = head[: middle + 1]
    right = right[right[:, 1] >= -0.03][::-1]
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(right, axis=0).T))])
    at = np.linspace(0.0, length[-1], 9)
    half = np.stack([np.interp(at, length, right[:, axis]) for axis in (0, 1)], axis=1)
    half[0, 0] = 0.0
    return mirror(half)


def _eye(anatomy: Anatomy, expression: Expression, side: float) -> tuple[Points, Points]:
    """Upper and lower lid of the eye on one side (-1 the image's left), from left to right."""
    t = np.linspace(0.0, 1.0, 19)  # inner to outer corner
    x = anatomy.eye_x + anatomy.eye_width * (2 * t - 1)
    line = 0.012 - (anatomy.eye_slant + 0.012) * t
    aperture = 2 * anatomy.eye_width * anatomy.eye_height * expression.eye_open
    upper = line - 0.66 * aperture * np.sin(np.pi * t**0.88) ** 0.8
    lower = line + (0.34 * aperture - 0.02 * expression.cheek) * np.sin(np.pi * t**1.15) ** 0.9
    lower = np.maximum(lower, upper)
    curves = (np.stack([side * x, y], axis=1) for y in (upper, lower))
    first, second = (curve if side > 0 else curve[::-1] for curve in curves)
    return first, second


def _eye_points(lids: tuple[Points, Points]) -> Points:
    upper, lower = lids
    return np.concatenate([upper[[0, 6, 12, 18]], lower[[12, 6]]])


def _brow(anatomy: Anatomy, expression: Expression, side: float) -> tuple[Points, Points]:
    """Upper and lower edge of the brow on one side, from its inner to its outer end."""
    t = np.linspace(0.0, 1.0, 13)
    inner = anatomy.eye_x - 1.2 * anatomy.eye_width - 0.035 * expression.frown
    x = inner + (2.55 * anatomy.eye_width) * t
    lift = 0.075 * expression.brow_raise
    y = -anatomy.brow_y - lift - anatomy.brow_arch * np.sin(np.pi * t**1.3)
    y = y + expression.brow_anger * 0.13 * (1 - t) ** 1.5 - 0.3 * 0.13 * expression.brow_anger * t
    y = y + 0.04 * t**3 - 0.05 * (expression.frown - expression.brow_anger) * (1 - t) ** 1.5
    half = 0.5 * anatomy.brow_thickness * np.clip(1.25 * (1 - t) ** 0.45, 0.0, 1.0)
    half = half * np.clip(0.45 + 4 * t, 0.0, 1.0)
    return np.stack([side * x, y - half], axis=1), np.stack([side * x, y + half], axis=1)


def _brow_points(edges: tuple[Points, Points]) -> Points:
    """Five points along a brow, inner end first."""
    return 0.5 * (edges[0] + edges[1])[[0, 3, 6, 9, 12]]


def _nose_points(anatomy: Anatomy) -> Points:
    base, tip = anatomy.nose_length, anatomy.nose_length - 0.09
    bridge = np.stack([np.zeros(4), np.linspace(0.02, tip, 4)], axis=1)
    x = anatomy.nose_width * np.array([-0.75, -0.4, 0.0, 0.4, 0.75])
    y = base + np.array([0.0, 0.02, 0.035, 0.02, 0.0])
    return np.concatenate([bridge, np.stack([x, y], axis=1)])


def _lips(anatomy: Anatomy, expression: Expression, mouth_y: float) -> tuple[Points, ...]:
    """Outer and inner edge of the upper lip, inner and outer edge of the lower; 25 points each."""
    u = np.linspace(-1.0, 1.0, 25)
    half = anatomy.mouth_width * (1 + 0.16 * expression.cheek + 0.04 * expression.frown)
    half *= 1 - 0.08 * expression.mouth_open
    bow = np.abs(u) ** 1.8
    middle = mouth_y + expression.smile * (0.035 - 0.15 * bow)
    gap = 0.27 * expression.mouth_open
    dome = (1 - u**2) ** 0.75
    thin = 1 - 0.25 * expression.cheek
    upper_inner = middle - (0.05 * expression.teeth + 0.12 * gap) * dome
    lower_inner = middle + 0.85 * gap * dome + 0.02 * expression.teeth * dome
    cupid = 0.14 * np.exp(-((u / 0.14) ** 2))
    upper_outer = upper_inner - anatomy.upper_lip * thin * ((1 - np.abs(u) ** 1.7) ** 0.8 - cupid)
    lower_outer = (
        lower_inner + anatomy.lower_lip * (1 - 0.15 * expression.cheek) * (1 - np.abs(u) ** 2.4) ** 0.8
    )
    return tuple(
        np.stack([half * u, y], axis=1) for y in (upper_outer, upper_inner, lower_inner, lower_outer)
    )


def _mouth_points(upper: Points, lower: Points, upper_inner: Points, lower_inner: Points) -> Points:
    def along(curve: Points, u: np.ndarray) -> Points:
        grid = np.linspace(-1.0, 1.0, len(curve))
        return np.stack([np.interp(u, grid, curve[:, axis]) for axis in (0, 1)], axis=1)

    return np.concatenate(
        [
            along(upper, _LIP_U),
            along(lower, _LIP_U[-2:0:-1]),
            along(upper_inner, _INNER_U),
            along(lower_inner, _INNER_U[-2:0:-1]),
        ]
    )
