"""One sample as a dataset's reader found it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from elimctl.manifest.names import tidy

# Classes of expression, in the order of AffectNet's numbers 0 to 10 (Mollahosseini et al. 2017, table 2).
EXPRESSIONS = (
    "neutral",
    "happiness",
    "sadness",
    "surprise",
    "fear",
    "disgust",
    "anger",
    "contempt",
    "none",
    "uncertain",
    "no face",
)
# The identity of a sample that belongs to no group (an age outside all bins): it is not matched with others.
NO_GROUP = "none"
# Kind of reason of a row whose number is that of no frame; it makes all numbers of its video doubtful.
OUT_OF_RANGE = "frame out of range"


TIDY = ("identity", "actor", "expression", "gender", "race")  # compared as names, and part of no path


@dataclass(frozen=True, slots=True)
class Row:
    """One sample found in a raw dataset.

    Names of people and groups are brought to one spelling, see `names.tidy`.

    Args:
        path: file of the image or video below the raw root, `/` separated, as `os.fsdecode` gives it; for a
            frame that is annotated but missing, the path where it should be.
        identity: the identity that groups are built from (a clip's or an actor's name).
        clip: name of the clip or video, unique in the dataset.
        frame: number of the frame as shipped; unique in the clip.
        video_frame: place of the frame in the video `path`, in the order of display, from 0; None where
            `path` is an image.
        side: which of two people in the image the sample is about, told by where they are; None where the
            dataset does not say.
        turned: whether places in the image are those of the image turned as its EXIF orientation says.
        cropped: whether the image is a crop of the face already; it is taken whole, and no face is sought.
        actor: name of the actor as shipped, None where the dataset has none.
        valence: label in [-1, 1], None where there is none.
        arousal: label in [-1, 1], None where there is none.
        expression: class of expression, a name of `EXPRESSIONS` or a word of the user's own; None where
            there is none.
        age: years, None where unknown.
        age_group: group of ages as the dataset or `--identity age-group` names it, None where in none.
        gender: as the dataset names it, None where unknown; `race` likewise.
        landmarks: (68, 2) float32, px of the stored frame, x then y; None where there are none.
        points: (5, 2) float32 annotated points in the order of `faces.face.Face`, px; None where there are
            none.
        box: annotated face box (x0, y0, x1, y1), px, x1 and y1 exclusive; None where there is none.
        pixel_aspect: width of a stored pixel over its height; the face is sought and cropped in the frame
            stretched to square pixels.
        split: the dataset's official split, `train`, `val` or `test`; None where it has none.
        identity_from: what tells the identity (`column subject`), for people; None: what `--identity` says.
        reason: why the sample cannot be used, None while it can; a row with a reason is a dropped row. What
            precedes the first colon is the kind of reason, what follows it the detail.
    """

    path: str
    identity: str
    clip: str
    frame: int
    video_frame: int | None = None
    side: Literal["left", "right"] | None = None
    turned: bool = False
    cropped: bool = False
    actor: str | None = None
    valence: float | None = None
    arousal: float | None = None
    expression: str | None = None
    age: float | None = None
    age_group: str | None = None
    gender: str | None = None
    race: str | None = None
    landmarks: np.ndarray | None = None
    points: np.ndarray | None = None
    box: tuple[float, float, float, float] | None = None
    pixel_aspect: float = 1.0
    split: str | None = None
    identity_from: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        for name in TIDY:
            value = getattr(self, name)
            if value is not None and (tidied := tidy(value)) != value:
                object.__setattr__(self, name, tidied)


def printable(text: str) -> str:
    r"""A name as text that can be stored and shown.

    Args:
        text: a name as `os.fsdecode` gives it: bytes that are not UTF-8 are lone surrogates.

    Returns:
        The name with such bytes written as `\\xff`.
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
