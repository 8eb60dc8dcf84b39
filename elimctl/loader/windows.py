"""Clips cut into runs and windows of consecutive frames."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64, Integer

from elimctl.loader.groups import PADDING

Rows = Sequence[Int64[np.ndarray, " _"]]


def usual_step(clip: Sequence[str] | np.ndarray, frame: Integer[np.ndarray, " n"]) -> int | None:
    """The interval at which frames were kept: 1 where every frame was.

    Args:
        clip: clip of each sample.
        frame: number of each sample's frame, each once in a clip.

    Returns:
        The most frequent difference between the numbers of neighbouring frames of a clip, the smallest of
        several; None if no clip has two frames.
    """
    order, same = _sorted(clip, frame)
    steps, counts = np.unique(np.diff(frame[order])[same], return_counts=True)
    return int(steps[counts.argmax()]) if len(steps) else None


def clip_runs(
    clip: Sequence[str] | np.ndarray, frame: Integer[np.ndarray, " n"], *, max_step: int = 1
) -> list[Int64[np.ndarray, " _"]]:
    """Runs of consecutive frames.

    Args:
        clip: clip of each sample.
        frame: number of each sample's frame, each once in a clip.
        max_step: a frame belongs to the run of the one before it if its number is at most this much larger:
            1, or the interval at which frames were kept. Where frames are missing a new run begins.

    Returns:
        Positions of samples, by clip and frame; every sample is in one run.
    """
    order, same = _sorted(clip, frame)
    breaks = ~same | (np.diff(frame[order]) > max_step)
    return np.split(order, np.flatnonzero(breaks) + 1) if len(order) else []


def cut(runs: Rows, *, window: int, stride: int) -> list[Int64[np.ndarray, " _"]]:
    """Windows that cover every frame of every run.

    Args:
        runs: as `clip_runs` returns them.
        window: T, frames in a window, >= 1.
        stride: frames from the start of a window to that of the next, in [1, T]; T: no overlap.

    Returns:
        Positions of samples, T or fewer in a row.
    """
    # the last window is the first one to reach the end of its run
    return [
        run[start : start + window]
        for run in runs
        for start in range(0, max(len(run) - window + stride, 1), stride)
    ]


def padded(rows: Rows) -> Int64[np.ndarray, "W T"]:
    """Rows as one array, as wide as the longest, padded at the end with -1."""
    found = np.full((len(rows), max(map(len, rows), default=0)), PADDING, dtype=np.int64)
    for row, positions in zip(found, rows, strict=True):
        row[: len(positions)] = positions
    return found


def _sorted(
    clip: Sequence[str] | np.ndarray, frame: Integer[np.ndarray, " n"]
) -> tuple[np.ndarray, np.ndarray]:
    """Positions by clip and frame, and whether each but the first is of the clip of the one before it."""
    _, code = np.unique(np.asarray(clip), return_inverse=True)
    order = np.lexsort((frame, code))
    return order, np.diff(code[order]) == 0
