"""From valence and arousal to what the muscles of a synthetic face do."""

from dataclasses import dataclass

import numpy as np

# A face can show a little more than the labels ask for, so that a lively identity has room.
SHOWN_LIMIT = 1.5


@dataclass(frozen=True, slots=True)
class Temperament:
    """How an identity shows what it feels: shown = gain * felt + rest.

    Args:
        valence_rest: valence that the resting face seems to show.
        arousal_rest: arousal that the resting face seems to show.
        valence_gain: expressiveness along valence, > 0.
        arousal_gain: expressiveness along arousal, > 0.
    """

    valence_rest: float
    arousal_rest: float
    valence_gain: float
    arousal_gain: float


@dataclass(frozen=True, slots=True)
class Expression:
    """Positions of the moving parts of a face, smooth in valence and arousal.

    Args:
        smile: lift of the mouth's corners; negative pulls them down.
        mouth_open: gap between the lips, 0 closed, about 1 wide open.
        teeth: how far a smile draws the upper lip off the teeth, 0 to about 1.
        eye_open: aperture of the lids as a multiple of the identity's own.
        brow_raise: lift of the whole brow, about -1 to 1.
        brow_anger: pull of the brow's inner end downwards; negative lifts it, as in grief.
        frown: strength of the corrugator, 0 to about 1.
        cheek: lift of the cheeks, 0 to about 1.
    """

    smile: float
    mouth_open: float
    teeth: float
    eye_open: float
    brow_raise: float
    brow_anger: float
    frown: float
    cheek: float


def draw_temperament(rng: np.random.Generator, *, identity_shift: float) -> Temperament:
    """A resting face and an expressiveness.

    Args:
        rng: always gives four numbers, so the rest of an identity does not depend on the shift.
        identity_shift: 0 (rest 0 and gain 1 for all) to 1 (rests differ by about half the range).
    """
    rests = 0.5 * identity_shift * rng.uniform(-1.0, 1.0, 2)
    gains = np.exp(0.35 * identity_shift * rng.uniform(-1.0, 1.0, 2))
    return Temperament(float(rests[0]), float(rests[1]), float(gains[0]), float(gains[1]))


def express(temperament: Temperament, *, valence: float, arousal: float) -> Expression:
    """The face that an identity makes.

    Args:
        temperament: the identity's.
        valence: label in [-1, 1].
        arousal: label in [-1, 1].

    Returns:
        An expression; the map from (valence, arousal) is smooth and one to one.
    """
    v = _limit(temperament.valence_gain * valence + temperament.valence_rest)
    a = _limit(temperament.arousal_gain * arousal + temperament.arousal_rest)
    pleasant, unpleasant = _positive(v), _positive(-v)
    return Expression(
        smile=v,
        mouth_open=_positive(a - 0.1) + 0.12 * pleasant,
        teeth=0.8 * pleasant,
        eye_open=1.0 + 0.48 * a - 0.12 * pleasant,
        brow_raise=a,
        # anger lowers the inner brow, grief lifts it: the same displeasure, high or low in arousal
        brow_anger=unpleasant * (0.45 + 0.55 * float(np.tanh(1.5 * a))),
        frown=unpleasant,
        cheek=pleasant,
    )


def _positive(x: float) -> float:
    """A smooth max(x, 0)."""
    return 0.5 * (x + float(np.sqrt(x * x + 0.06)))


def _limit(x: float) -> float:
    """`x`, kept within the limit by a smooth, strictly rising curve that hardly touches [-1, 1]."""
    return float(x / (1.0 + (abs(x) / SHOWN_LIMIT) ** 6) ** (1 / 6))
