import numpy as np
import pytest
from scipy import stats

from elimctl.metrics.moments import empty, update
from elimctl.metrics.score import MetricOptions, values_of


def pcc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["pcc"]


@pytest.fixture
def samples():
    rng = np.random.default_rng(3)
    target = rng.uniform(-1, 1, (50, 2))
    return 0.5 * target + rng.normal(0, 0.2, target.shape), target


def test_it_agrees_with_scipy(samples):
    preds, target = samples
    found = pcc(update(empty(), preds, target))
    for axis in range(2):
        # two float64 evaluations of one formula
        assert found[axis] == pytest.approx(stats.pearsonr(preds[:, axis], target[:, axis])[0], rel=1e-12)


def test_it_does_not_see_scale_or_bias(samples):
    preds, target = samples
    # float64 roundings of values of order 1
    np.testing.assert_allclose(
        pcc(update(empty(), 3 * preds - 5, target)), pcc(update(empty(), preds, target)), rtol=1e-12
    )


def test_the_reference_form_is_n_over_n_minus_one_times_as_large(samples):
    moments = update(empty(), *samples)
    np.testing.assert_allclose(pcc(moments, moments="reference"), pcc(moments) * 50 / 49, rtol=1e-15)


@pytest.mark.parametrize("moments_form", ["population", "reference"])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_constant_predictions_or_labels_show_no_relation(moments_form, count):
    varying = np.linspace(-1, 1, 2 * count).reshape(count, 2)
    constant = np.full((count, 2), 0.1)
    for preds, target in [(constant, varying), (varying, constant), (constant, constant)]:
        np.testing.assert_array_equal(pcc(update(empty(), preds, target), moments=moments_form), [0, 0])
