from dataclasses import astuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elimctl.synthetic.face.expression import draw_temperament, express

LABELS = st.floats(-1.0, 1.0)
SHIFTS = st.floats(0.0, 1.0)
SEEDS = st.integers(0, 10_000)
STEP = 0.01


@given(SEEDS, SHIFTS, LABELS, LABELS)
def test_valence_raises_the_smile_and_arousal_opens_the_eyes_of_all(seed, shift, valence, arousal):
    temperament = draw_temperament(np.random.default_rng(seed), identity_shift=shift)
    here = express(temperament, valence=valence, arousal=arousal)
    happier = express(temperament, valence=valence + STEP, arousal=arousal)
    livelier = express(temperament, valence=valence, arousal=arousal + STEP)
    # the flattest place of the limiting curve still passes on a tenth of the change
    assert happier.smile > here.smile + 0.1 * STEP * temperament.valence_gain
    assert livelier.eye_open > here.eye_open + 0.04 * STEP * temperament.arousal_gain
    assert livelier.brow_raise > here.brow_raise
    assert livelier.mouth_open > here.mouth_open


@given(SEEDS, SHIFTS, LABELS, LABELS)
def test_nothing_jumps(seed, shift, valence, arousal):
    temperament = draw_temperament(np.random.default_rng(seed), identity_shift=shift)
    here = express(temperament, valence=valence, arousal=arousal)
    near = express(temperament, valence=valence + STEP, arousal=arousal - STEP)
    # no part moves more than 4 times as fast as the labels
    assert np.abs(np.array(astuple(here)) - np.array(astuple(near))).max() < 4 * STEP


@given(SEEDS, SHIFTS, LABELS, LABELS)
def test_lids_never_cross_and_lips_never_overlap(seed, shift, valence, arousal):
    temperament = draw_temperament(np.random.default_rng(seed), identity_shift=shift)
    expression = express(temperament, valence=valence, arousal=arousal)
    assert expression.eye_open > 0.1
    assert expression.mouth_open > 0
