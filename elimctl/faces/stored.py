"""Where the face lies in a crop of the store, derived from the crop options."""

from elimctl.faces.align import CropOptions
from elimctl.faces.face import Box

# ArcFace's crop against CenterFace's box, over 48 frontal photographs of 24 people: its side is 1.02 of the
# box's longer side (standard deviation 0.03), and its centre lies 0.06 of that side (0.02) above the box's.
TEMPLATE_SHARE = 1.02
TEMPLATE_RISE = 0.06


def face_box(options: CropOptions) -> Box:
    """Return the square around a detector's box, in px of the crop.

    A dataset that ships crops is assumed to leave the same margin.
    """
    if options.align == "box":
        side = options.size_px / (1 + 2 * options.margin)
        return _square(side, options.size_px / 2, options.size_px / 2)
    side = options.size_px / (1 + 2 * options.room) / TEMPLATE_SHARE
    return _square(side, options.size_px / 2, options.size_px / 2 + TEMPLATE_RISE * side)


def template_box(options: CropOptions) -> Box:
    """Return the part of the store's crop that ArcFace's crop of a frontal face shows, in px."""
    x0, y0, x1, y1 = face_box(options)
    side = x1 - x0
    return _square(TEMPLATE_SHARE * side, (x0 + x1) / 2, (y0 + y1) / 2 - TEMPLATE_RISE * side)


def _square(side: float, x: float, y: float) -> Box:
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2
