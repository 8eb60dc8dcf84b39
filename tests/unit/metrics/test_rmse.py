import numpy as np
import pytest

from elimctl.metrics.moments import empty, update
from elimctl.metrics.score import MetricOptions, values_of


def rmse(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["rmse"]


def test_the_batch_mean_counts_a_short_last_batch_as_a_full_one():
    preds = np.array([[1.0, 0.0], [1.0, 0.0], [3.0, 0.5]])
    zeros = np.zeros((3, 2))
    moments = update(update(empty(), preds[:2], zeros[:2]), preds[2:], zeros[2:])
    np.testing.assert_allclose(rmse(moments, rmse="batch_mean"), [2.0, 0.25])
    np.testing.assert_allclose(rmse(moments), np.sqrt([11 / 3, 0.25 / 3]))


def test_the_batch_mean_of_equal_batches_is_at_most_the_global_value():
    rng = np.random.default_rng(0)
    moments = empty()
    for _ in range(8):
        moments = update(moments, rng.normal(size=(16, 2)), rng.normal(size=(16, 2)))
    assert (rmse(moments, rmse="batch_mean") <= rmse(moments)).all()


@pytest.mark.parametrize("form", ["global", "batch_mean"])
def test_only_exact_predictions_have_no_error(form):
    values = np.linspace(-1, 1, 10).reshape(5, 2)
    assert not rmse(update(empty(), values, values), rmse=form).any()
    assert rmse(update(empty(), values + np.array([0, 1e-9]), values), rmse=form)[1] > 0
