"""A canvas in face units: soft, anti-aliased filling and stroking at any resolution."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

Level = float | int  # 0 to 255; spelt out because a checker of types at run time tells them apart
Colour = tuple[Level, Level, Level]  # RGB
Points = np.ndarray  # (N, 2) float64, face units

_FAINTEST = 0.02  # opacity below which nothing would be seen
_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates
_SHARPEST_PX, _WIDE_PX = 0.4, 2.0  # deviations: no blur below the first, box blurs from the second on
_RING = np.linspace(0.0, 2 * np.pi, 29)[:-1]
_CIRCLE = np.stack([np.cos(_RING), np.sin(_RING)], axis=1)


@dataclass(frozen=True, slots=True)
class Canvas:
    """Pixels, and where they lie in face units.

    Args:
        pixels: (rows, columns, 3) uint8 RGB, or (rows, columns) uint8 for a mask; drawn on in place.
        left: x of the left edge, face units.
        top: y of the upper edge, face units.
        scale: pixels per face unit.
    """

    pixels: np.ndarray
    left: float
    top: float
    scale: float

    def like(self, *, channels: int = 3) -> "Canvas":
        """A black canvas of the same place and size."""
        shape = self.pixels.shape[:2] + ((3,) if channels == 3 else ())
        return Canvas(np.zeros(shape, np.uint8), self.left, self.top, self.scale)

    def fill(
        self, outline: Points, colour: Colour | Level, *, blur: float = 0.0, opacity: float = 1.0
    ) -> None:
        """Fill a closed outline.

        Args:
            outline: (N, 2) face units; nothing is drawn for N = 0.
            colour: RGB, or a value for a mask.
            blur: deviation of the softened edge, face units.
            opacity: in [0, 1].
        """

        def draw(mask: np.ndarray, at: np.ndarray) -> None:
            cv2.fillPoly(mask, [at], (255,), cv2.LINE_AA, _SHIFT)

        self._dab(outline, draw, colour, reach=0.0, blur=blur, opacity=opacity)

    def stroke(
        self,
        line: Points,
        colour: Colour | Level,
        *,
        width: float,
        blur: float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Draw one open line (N, 2) or several (L, N, 2), `width` in face units."""
        thickness = width * self.scale
        # a line thinner than a pixel is drawn a pixel wide and fainter
        opacity *= min(1.0, thickness)

        def draw(mask: np.ndarray, at: np.ndarray) -> None:
            lines = list(at) if at.ndim == 3 else [at]
            cv2.polylines(mask, lines, False, (255,), max(1, round(thickness)), cv2.LINE_AA, _SHIFT)

        self._dab(line, draw, colour, reach=width, blur=blur, opacity=opacity)

    def ellipse(
        self,
        x: float,
        y: float,
        radii: tuple[float, float],
        colour: Colour | Level,
        *,
        turn: float = 0.0,
        blur: float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Fill an ellipse about (x, y), turned clockwise by `turn` degrees."""
        c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
        ring = (_CIRCLE * [*radii]) @ np.array([[c, s], [-s, c]]) + [x, y]
        self.fill(ring, colour, blur=blur, opacity=opacity)

    def window(self, outline: Points, *, margin: float) -> "Canvas":
        """The part around an outline; drawing on it draws on this canvas."""
        rows, columns = self._window(self._fixed(outline), margin)
        left, top = self.left + columns.start / self.scale, self.top + rows.start / self.scale
        return Canvas(self.pixels[rows, columns], left, top, self.scale)

    def cut(self, outline: Points, *, margin: float) -> "Canvas":
        """A copy of the part around an outline, a canvas of its own."""
        part = self.window(outline, margin=margin)
        return Canvas(part.pixels.copy(), part.left, part.top, part.scale)

    def lay(self, part: "Canvas", outline: Points) -> None:
        """Lay a part that was cut from here back, as far as an outline covers it."""
        row, column = (round((part.top - self.top) * self.scale), round((part.left - self.left) * self.scale))
        height, width = part.pixels.shape[:2]
        mask = part.like(channels=1)
        mask.fill(outline, 255)
        blend(self.pixels[row : row + height, column : column + width], mask.pixels, part.pixels)

    def _dab(
        self,
        points: np.ndarray,
        draw: Callable[[np.ndarray, np.ndarray], None],
        colour: Colour | Level,
        *,
        reach: float,
        blur: float,
        opacity: float,
    ) -> None:
        """Blend a colour where `draw` covers a mask, touching only the pixels near the points."""
        if not points.size or opacity < _FAINTEST:
            return
        at = self._fixed(points)
        rows, columns = self._window(at, reach + 2.5 * blur)
        pixels = self.pixels[rows, columns]
        if not pixels.size:
            return
        mask = np.zeros(pixels.shape[:2], np.uint8)
        draw(mask, at - np.array([columns.start << _SHIFT, rows.start << _SHIFT], np.int32))
        blend(pixels, soften(mask, blur * self.scale), colour, opacity)

    def _fixed(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) in face units as OpenCV's fixed-point pixel coordinates."""
        factor = self.scale * (1 << _SHIFT)
        offset = np.array([self.left * factor + (1 << _SHIFT) / 2, self.top * factor + (1 << _SHIFT) / 2])
        return np.rint(points * factor - offset).astype(np.int32)

    def _window(self, at: np.ndarray, margin: float) -> tuple[slice, slice]:
        """Rows and columns within `margin` face units of fixed-point pixels, cut to the canvas."""
        x, y, width, height = cv2.boundingRect(at.reshape(-1, 2))
        room = math.ceil(margin * self.scale) + 2
        rows, columns = self.pixels.shape[:2]
        x0, y0 = max((x >> _SHIFT) - room, 0), max((y >> _SHIFT) - room, 0)
        x1 = min(((x + width) >> _SHIFT) + room, columns)
        y1 = min(((y + height) >> _SHIFT) + room, rows)
        return slice(y0, max(y0, y1)), slice(x0, max(x0, x1))


def blank(left: float, top: float, width: float, height: float, *, scale: float) -> Canvas:
    """A black RGB canvas over a rectangle in face units."""
    return Canvas(np.zeros((round(height * scale), round(width * scale), 3), np.uint8), left, top, scale)


def soften(mask: np.ndarray, sigma_px: float) -> np.ndarray:
    """Blur with about the deviation of a Gaussian; the same bytes on any number of threads."""
    if sigma_px < _SHARPEST_PX:
        return mask
    if sigma_px < _WIDE_PX:
        return cv2.GaussianBlur(mask, (0, 0), sigma_px)
    # two box blurs cost the same for any width; w pixels wide they have the variance (w^2 - 1) / 6
    side = 2 * round((math.sqrt(6 * sigma_px**2 + 1) - 1) / 2) + 1
    for _ in range(2):
        mask = cv2.blur(mask, (side, side), borderType=cv2.BORDER_REPLICATE)
    return mask


def blend(
    pixels: np.ndarray, mask: np.ndarray, colour: Colour | Level | np.ndarray, opacity: float = 1.0
) -> None:
    """Blend a colour, or an image of the same shape, over pixels, in place.

    Args:
        pixels: (H, W, 3) or (H, W) uint8.
        mask: (H, W) uint8 coverage.
        colour: RGB, a value for a mask, or an image shaped as the pixels.
        opacity: in [0, 1].
    """
    if opacity < 1:
        mask = cv2.convertScaleAbs(mask, alpha=opacity)
    weights = mask if pixels.ndim == 2 else cv2.merge([mask, mask, mask])
    over = colour
    if not isinstance(colour, np.ndarray):
        over = np.array([*colour, 0.0] if isinstance(colour, tuple) else [colour, 0.0, 0.0, 0.0], np.float64)
    under = cv2.multiply(pixels, cv2.bitwise_not(weights), scale=1 / 255)
    pixels[:] = cv2.add(under, cv2.multiply(weights, over, scale=1 / 255))


def dim(colour: Colour, red: float, green: float | None = None, blue: float | None = None) -> Colour:
    """A colour with each channel multiplied, all by the first factor where it is the only one."""
    green, blue = red if green is None else green, red if blue is None else blue
    return min(colour[0] * red, 255.0), min(colour[1] * green, 255.0), min(colour[2] * blue, 255.0)


def ramp(stops: np.ndarray, place: float) -> Colour:
    """The colour at `place` in [0, 1] along evenly spaced stops (N, 3)."""
    at = place * (len(stops) - 1)
    r, g, b = (float(np.interp(at, np.arange(len(stops)), stops[:, channel])) for channel in range(3))
    return r, g, b
