"""Clips cut into windows of consecutive frames."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64, Integer

from elimctl.loader.groups import PADDING


def clip_windows(
    clip: Sequence[str] | np.ndarray,
    frame: Integer[np.ndarray, " n"],
    *,
    window: int,
    stride: int | None = None,
    max_step: int = 1,
) -> Int64[np.ndarray, "W T"]:
    """Windows that cover every frame of every clip.

    Args:
        clip: clip of each sample.
        frame: number of each sample's frame, each once in a clip.
        window: T, frames in a window, >= 1.
        stride: frames from the start of a window to that of the next, in [1, T]; None: T, no overlap.
        max_step: a frame belongs to the run of the one before it if its number is at most this much larger:
            1, or the interval at which frames were kept. Where frames are missing a new run begins.

    Returns:
        Positions of samples, by clip and frame, padded at the end with -1.
    """
    stride = stride or window
    _, code = np.unique(np.asarray(clip), return_inverse=True)
    order = np.lexsort((frame, code))
    breaks = (np.diff(code[order]) != 0) | (np.diff(frame[order]) > max_step)
    runs = np.split(order, np.flatnonzero(breaks) + 1) if len(order) else []
    # the last window is the first one to reach the end of its run
    starts = [
        run[start : start + window]
        for run in runs
        for start in range(0, max(len(run) - window + stride, 1), stride)
    ]
    found = np.full((len(starts), window), PADDING, dtype=np.int64)
    for row, positions in zip(found, starts, strict=True):
        row[: len(positions)] = positions
    return found
