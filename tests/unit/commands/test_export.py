import numpy as np
import pytest

from elimctl.commands.export import metric_difference
from elimctl.metrics.predictions import Predictions

TARGET = np.random.default_rng(1).uniform(-1, 1, (200, 2))


def predictions(preds):
    return [Predictions(np.arange(200), preds.astype(np.float32), TARGET)]


def test_rounding_of_a_model_that_learned_something_moves_no_metric():
    preds = TARGET * 0.5 + np.random.default_rng(2).normal(0, 0.2, TARGET.shape)
    rounded = preds + np.random.default_rng(3).normal(0, 1e-7, TARGET.shape)
    assert metric_difference(predictions(rounded), predictions(preds)) < 1e-5


def test_rounding_of_all_but_constant_predictions_is_not_held_against_an_export():
    """Their PCC is a correlation of rounding errors: it would differ by 0.1 here."""
    preds = 0.02 + np.random.default_rng(2).normal(0, 1e-7, TARGET.shape)
    rounded = preds + np.random.default_rng(3).normal(0, 1e-8, TARGET.shape)
    assert metric_difference(predictions(rounded), predictions(preds)) < 1e-4


@pytest.mark.parametrize("axis", [0, 1])
def test_one_axis_that_is_wrong_is_found(axis):
    preds = TARGET * 0.5
    wrong = preds.copy()
    wrong[:, axis] *= 1.01
    assert metric_difference(predictions(wrong), predictions(preds)) > 1e-3


def test_a_flipped_sign_far_from_zero_is_found():
    preds = np.full_like(TARGET, 0.1)
    wrong = preds.copy()
    wrong[0] = -0.1
    assert metric_difference(predictions(wrong), predictions(preds)) > 1e-4
