"""Valence and arousal over the frames of a clip: true, predicted, and smoothed."""

import numpy as np
from matplotlib.axes import Axes

from elimctl.errors import DataError
from elimctl.figures.arrays import labelled
from elimctl.figures.plane import REACH, outside
from elimctl.figures.style import LIGHT, Drawing, Look, figure, note, plain, styled, whole_numbers
from elimctl.text import counted


@styled
def clip_timeline(
    frame: np.ndarray,
    preds: np.ndarray,
    target: np.ndarray,
    *,
    clip: str,
    smoothed: np.ndarray | None = None,
    look: Look = LIGHT,
) -> Drawing:
    """Draw both axes of a clip over its frames; lines are cut where frames are missing.

    Args:
        frame: (n,) numbers of the frames, ascending.
        preds: (n, 2) predictions.
        target: (n, 2) labels.
        clip: its name.
        smoothed: (n, 2) predictions after smoothing over time.
        look: colours.

    Raises:
        DataError: there is no frame, a value is not finite, or the frames are in no order.
    """
    preds, target = labelled(preds, target)
    if (np.diff(frame) <= 0).any():
        raise DataError(f"frames of clip {clip} are in no ascending order")
    title = f"Clip {plain(clip)}"
    made = figure(title, height_in=3.8)
    both = made.subplots(2, 1, sharex=True)
    for number, (axes, name, colour) in enumerate(
        zip(both, ("valence", "arousal"), (look.valence, look.arousal), strict=True)
    ):
        _draw_line(axes, frame, target[:, number], "true", look.ink, "-", 1.6)
        shown = 0.9 if smoothed is None else 1.0
        _draw_line(axes, frame, preds[:, number], "predicted", colour, "--", shown)
        if smoothed is not None:
            _draw_line(axes, frame, smoothed[:, number], "smoothed", look.groups[2], "-", 1.6)
        reach = 1.05 * min(REACH, max(1.0, float(np.abs(preds[:, number]).max())))
        axes.set(ylabel=name, ylim=(-reach, reach))
        axes.axhline(0, color=look.grid, linewidth=0.8, zorder=0)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 0.98), ncols=3, borderpad=0)
    both[1].set_xlabel("frame")
    whole_numbers(both[1])
    beyond = outside(preds, 1.05 * REACH)
    if beyond:
        note(made, beyond.strip(), look=look)
    error = np.sqrt(np.square(preds - target).mean(axis=0))
    alt = (
        f"Valence and arousal over {counted(len(frame), 'frame')} of clip {clip}, {frame[0]} to {frame[-1]}. "
        f"Labels: valence {target[:, 0].min():.2f} to {target[:, 0].max():.2f}, arousal "
        f"{target[:, 1].min():.2f} to {target[:, 1].max():.2f}. Root mean squared error "
        f"{error[0]:.2f} and {error[1]:.2f}.{beyond}"
    )
    return Drawing(made, f"Clip {clip}", alt)


def _draw_line(
    axes: Axes, frame: np.ndarray, values: np.ndarray, name: str, colour: str, line: str, width: float
) -> None:
    """A line with gaps where frames are missing; a point for a frame that stands alone."""
    step = int(np.median(np.diff(frame))) if len(frame) > 1 else 1
    parts = np.split(np.arange(len(frame)), np.flatnonzero(np.diff(frame) > 2 * step) + 1)
    for number, part in enumerate(parts):
        axes.plot(
            frame[part],
            values[part],
            line,
            color=colour,
            linewidth=width,
            marker="." if len(part) == 1 else None,
            label=name if number == 0 else None,
        )
