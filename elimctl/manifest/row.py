"""One sample as a dataset's reader found it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Row:
    """One sample found in a raw dataset.

    Args:
        path: file of the image below the raw root, `/` separated; for a frame that is annotated but
            missing, the path where it should be.
        identity: the identity that groups are built from (a clip's or an actor's name).
        clip: name of the clip or video, unique in the dataset.
        frame: number of the frame as shipped.
        actor: name of the actor as shipped, None where the dataset has none.
        valence: label in [-1, 1], None where there is none.
        arousal: label in [-1, 1], None where there is none.
        landmarks: (68, 2) float32, px of the stored frame, x then y; None where there are none.
        box: annotated face box (x0, y0, x1, y1), px; None where there is none.
        pixel_aspect: width of a stored pixel over its height; the face is sought and cropped in the frame
            stretched to square pixels.
        split: the dataset's official split, None where it has none.
        reason: why the sample cannot be used, None while it can; a row with a reason is a dropped row. What
            precedes the first colon is the kind of reason, what follows it the detail.
    """

    path: str
    identity: str
    clip: str
    frame: int
    actor: str | None = None
    valence: float | None = None
    arousal: float | None = None
    landmarks: np.ndarray | None = None
    box: tuple[float, float, float, float] | None = None
    pixel_aspect: float = 1.0
    split: str | None = None
    reason: str | None = None
