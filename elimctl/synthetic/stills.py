"""Drawn faces for synthetic datasets of photographs: each picture has a room and a light of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from elimctl.errors import ConfigError
from elimctl.synthetic.face.drawing import Drawing, draw_face, draw_view
from elimctl.synthetic.people import draw_people, trajectory
from elimctl.text import counted

# (valence, arousal) where each class of expression is typical, in AffectNet's order from neutral to contempt.
TYPICAL = np.array(
    [(0, 0), (0.7, 0.1), (-0.7, -0.3), (0.2, 0.8), (-0.2, 0.8), (-0.7, 0.1), (-0.5, 0.6), (-0.5, -0.1)]
)


@dataclass(frozen=True, slots=True)
class Still:
    """A photograph of a synthetic face.

    Args:
        identity: number of who is drawn, from 0.
        split: `train` or `val`; nobody is in both.
        age: how old the identity looks, years.
        valence: in [-1, 1]; `arousal` likewise.
        arousal: in [-1, 1].
        expression: number of the class whose typical valence and arousal are nearest, 0 to 7.
        drawing: the picture.
    """

    identity: int
    split: str
    age: float
    valence: float
    arousal: float
    expression: int
    drawing: Drawing


def draw_stills(
    rng: np.random.Generator,
    *,
    identities: int,
    images: int,
    identity_shift: float,
    width_px: int,
    height_px: int,
) -> Iterator[Still]:
    """Draw photographs of identities in turn; about a quarter of the identities, the last, validate.

    Args:
        rng: chooses faces, places and labels.
        identities: number of identities, of at least 2 one validates.
        images: number of photographs.
        identity_shift: how much resting faces and expressiveness differ, 0 to 1.
        width_px: of each photograph.
        height_px: of each photograph.

    Raises:
        ConfigError: there are fewer images than identities.
    """
    if images < identities:
        raise ConfigError(
            f"{counted(images, 'image')} cannot show {counted(identities, 'identity', 'identities')}",
            hint=f"ask for {counted(identities, 'image')} or more",
        )
    # Streams of their own: a face does not change with the number of photographs.
    faces, pictures = rng.spawn(2)
    people = draw_people(faces, identities=identities, identity_shift=identity_shift)
    training = identities - max(identities // 4, min(identities - 1, 1))
    for number in range(images):
        picture = pictures.spawn(1)[0]
        who = number % identities
        [(valence, arousal)] = trajectory(picture, frames=1).round(4).tolist()
        yield Still(
            identity=who,
            split="train" if who < training else "val",
            age=round(14 + 66 * people[who].look.age, 2),
            valence=valence,
            arousal=arousal,
            expression=int(np.argmin(np.hypot(*(TYPICAL - (valence, arousal)).T))),
            drawing=draw_face(
                people[who],
                draw_view(picture),
                valence=valence,
                arousal=arousal,
                width_px=width_px,
                height_px=height_px,
            ),
        )
