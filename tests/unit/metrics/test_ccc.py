import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from elimctl.metrics.moments import empty, update
from elimctl.metrics.score import MetricOptions, values_of


def ccc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["ccc"]


def pcc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["pcc"]


pairs = st.integers(1, 30).flatmap(
    lambda count: arrays(np.float64, (2, count, 2), elements=st.integers(-50, 50).map(lambda x: x / 50))
)


@given(pairs, st.sampled_from(["population", "reference"]))
def test_it_never_exceeds_the_absolute_correlation(values, moments_form):
    moments = update(empty(), values[0], values[1])
    bound = np.abs(pcc(moments, moments=moments_form))
    # one rounding of each of the two formulae
    assert (ccc(moments, moments=moments_form) <= bound + 1e-15).all()


@given(pairs)
def test_it_is_symmetric_and_finite(values):
    found = ccc(update(empty(), values[0], values[1]))
    assert np.isfinite(found).all()
    # the same terms, added in another order
    np.testing.assert_allclose(found, ccc(update(empty(), values[1], values[0])), atol=1e-15)


def test_it_is_the_correlation_less_scale_and_bias():
    rng = np.random.default_rng(1)
    target = rng.normal(size=(200, 2))
    preds = 0.6 * target + 0.3
    # Lin 1989: rho_c = rho * 2 / (v + 1 / v + u^2), v the ratio of deviations, u the scaled bias
    scale = 0.6
    bias = (preds.mean(axis=0) - target.mean(axis=0)) / np.sqrt(preds.std(axis=0) * target.std(axis=0))
    expected = 2 / (scale + 1 / scale + bias**2)
    # two float64 evaluations
    np.testing.assert_allclose(ccc(update(empty(), preds, target)), expected, rtol=1e-12)


@pytest.mark.parametrize("moments_form", ["population", "reference"])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_constant_predictions_or_labels_earn_nothing_even_if_equal(moments_form, count):
    varying = np.linspace(-1, 1, 2 * count).reshape(count, 2)
    constant = np.full((count, 2), 0.1)
    for preds, target in [(constant, varying), (varying, constant), (constant, constant)]:
        np.testing.assert_array_equal(ccc(update(empty(), preds, target), moments=moments_form), [0, 0])
