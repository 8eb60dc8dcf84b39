"""Rotate and mirror frames by the display matrix of a video.

Source: ISO/IEC 14496-12, 8.3.2 (tkhd); FFmpeg, libavutil/display.h.
"""

from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from jaxtyping import Int32, UInt8

SKEW = 0.0175  # about one degree; players ignore less


class MatrixError(ValueError):
    """A matrix is not a combination of rotation by multiples of 90 degrees and mirroring."""


def matrix_of(frame: VideoFrame, before: np.ndarray | None) -> np.ndarray | None:
    """The display matrix of a frame.

    Args:
        frame: a decoded frame. Containers attach the matrix to all frames, H.264 to the first of a sequence.
        before: the matrix of the frame shown before it, or None.

    Returns:
        (9,) int32 for `shown`; None if players show the frame as stored.
    """
    # The container's matrix precedes the codec's; if present it applies to all frames.
    given: Any = frame.side_data  # PyAV's type stubs are wrong here
    found = next((data for data in given if data.type is Type.DISPLAYMATRIX), None)
    if found is not None:
        return np.frombuffer(found, np.int32)
    return None if frame.key_frame else before


def shown(image: UInt8[np.ndarray, "H W 3"], matrix: Int32[np.ndarray, "9"]) -> UInt8[np.ndarray, "h w 3"]:
    """Rotate and mirror a frame as players show it.

    Args:
        image: the frame as stored.
        matrix: (a, b, u, c, d, v, x, y, w), fixed point: a stored point (p, q), px from the upper left, is
            shown at (a p + c q, b p + d q), plus an offset.

    Returns:
        The rotated and mirrored frame; scale and offset are ignored.

    Raises:
        MatrixError: the matrix stretches or distorts, or rotates by other than multiples of 90 degrees.
    """
    a, b, u, c, d, v = matrix[:6].astype(np.float64)
    if u or v:
        raise MatrixError("its display matrix has a perspective, which is not supported")
    if not (a or b or c or d):  # all zeros: players ignore it
        return image
    if max(abs(b), abs(c)) < SKEW * min(abs(a), abs(d)):
        along, down, turned = a, d, image
    elif max(abs(a), abs(d)) < SKEW * min(abs(b), abs(c)):
        along, down, turned = c, b, image.transpose(1, 0, 2)
    else:
        angle = np.degrees(np.arctan2(b, a))
        raise MatrixError(
            f"its display matrix rotates by {angle:.0f} degrees or shears; expected a multiple of 90 degrees"
        )
    if abs(abs(along) - abs(down)) > SKEW * abs(down):
        raise MatrixError(f"its display matrix stretches the picture {abs(along / down):.2f} to 1")
    return np.ascontiguousarray(turned[:: int(np.sign(down)), :: int(np.sign(along))])
