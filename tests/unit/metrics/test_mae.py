import numpy as np
from sklearn.metrics import mean_absolute_error

from elimctl.metrics.moments import empty, update
from elimctl.metrics.score import MetricOptions, values_of


def rmse(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["rmse"]


def mae(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["mae"]


def test_it_is_that_of_scikit_learn_however_the_samples_are_cut():
    rng = np.random.default_rng(0)
    target = rng.uniform(-1, 1, (101, 2))
    preds = target + rng.normal(0, 0.3, target.shape)
    moments = update(update(empty(), preds[:40], target[:40]), preds[40:], target[40:])
    wanted = mean_absolute_error(target, preds, multioutput="raw_values")
    # float64 sums of 101 terms in another order
    np.testing.assert_allclose(mae(moments), wanted, rtol=1e-13)


def test_it_never_exceeds_the_root_mean_square_and_equals_it_where_all_errors_are_one():
    rng = np.random.default_rng(1)
    target = rng.uniform(-1, 1, (50, 2))
    moments = update(empty(), target + rng.normal(0, 0.3, target.shape), target)
    assert (mae(moments) < rmse(moments)).all()
    shifted = update(empty(), target + np.array([0.25, -0.5]), target)
    np.testing.assert_allclose(mae(shifted), [0.25, 0.5], rtol=1e-14)
    np.testing.assert_allclose(mae(shifted), rmse(shifted), rtol=1e-14)
