import math
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.errors import DataError
from elimctl.metrics.moments import Moments, counted, empty, merge, update
from elimctl.metrics.score import MetricOptions, values_of


def ccc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["ccc"]


def pcc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["pcc"]


def rmse(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["rmse"]


def sagr(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["sagr"]


# Multiples of 1/64 in [-1, 1], so that equal values, exact zeros and constants are common; they keep the
# sum with a large offset exact, so that reference and code see the same numbers.
values = st.integers(-64, 64).map(lambda count: count / 64)
pairs = st.lists(st.tuples(values, values, values, values), min_size=1, max_size=40)


def arrays(samples):
    rows = np.array(samples)
    return rows[:, :2], rows[:, 2:]


def streamed(preds, target, sizes):
    moments, start = empty(), 0
    for size in sizes:
        moments = update(moments, preds[start : start + size], target[start : start + size])
        start += size
    return update(moments, preds[start:], target[start:])


def two_pass(preds, target):
    """Population variances and covariance of one axis in exact rational arithmetic."""
    p, t = [Fraction(x) for x in preds.tolist()], [Fraction(x) for x in target.tolist()]
    mean_p, mean_t = sum(p) / len(p), sum(t) / len(t)
    return (
        sum((x - mean_p) ** 2 for x in p),
        sum((x - mean_t) ** 2 for x in t),
        sum((x - mean_p) * (y - mean_t) for x, y in zip(p, t, strict=True)),
        mean_p - mean_t,
    )


@given(pairs, st.lists(st.integers(0, 10), max_size=8), st.sampled_from([0, 1, -1000, 10**6, 10**9]))
def test_any_chunking_agrees_with_two_exact_passes_at_any_offset(samples, sizes, offset):
    preds, target = (values + offset for values in arrays(samples))
    moments = streamed(preds, target, sizes)
    for axis in range(2):
        spread_p, spread_t, cross, bias = two_pass(preds[:, axis], target[:, axis])
        # values differ by at most 2, so sums over 40 samples are of order 1 to 160: 1e-12 of that is a few
        # hundred roundings; the offset must not enter
        assert moments.spread[0, axis] == pytest.approx(float(spread_p), rel=1e-12, abs=1e-12)
        assert moments.spread[1, axis] == pytest.approx(float(spread_t), rel=1e-12, abs=1e-12)
        assert moments.cross[axis] == pytest.approx(float(cross), rel=1e-12, abs=1e-12)
        assert moments.bias[axis] == pytest.approx(float(bias), rel=1e-12, abs=1e-12)


def test_a_long_stream_agrees_with_two_passes_of_numpy():
    rng = np.random.default_rng(0)
    target = rng.uniform(-1, 1, (20_000, 2))
    preds = 0.7 * target + rng.normal(0, 0.3, target.shape)
    moments = streamed(preds, target, [64] * 312)
    for axis in range(2):
        x, y = preds[:, axis], target[:, axis]
        # float64 sums of 20 000 terms, rounded in another order: far below 1e-12
        assert rmse(moments)[axis] == pytest.approx(math.sqrt(np.mean((x - y) ** 2)), rel=1e-12)
        assert pcc(moments)[axis] == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-12)
        concordance = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        assert ccc(moments)[axis] == pytest.approx(concordance, rel=1e-12)
        assert sagr(moments)[axis] == np.mean(np.sign(x) == np.sign(y))


@given(pairs, pairs, pairs)
def test_merging_is_associative_and_commutative(first, second, third):
    a, b, c = (update(empty(), *arrays(samples)) for samples in (first, second, third))
    for left, right in [(merge(merge(a, b), c), merge(a, merge(b, c))), (merge(a, b), merge(b, a))]:
        for name in (field.name for field in fields(Moments) if field.name not in ("origin", "offset")):
            # sums of at most 120 terms of order 1, in another order
            np.testing.assert_allclose(getattr(left, name), getattr(right, name), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(left.bias, right.bias, atol=1e-14)


@given(st.floats(-1, 1), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_a_constant_has_no_spread_however_it_is_cut(constant, sizes):
    preds = np.full((sum(sizes), 2), constant)
    moments = streamed(preds, preds, sizes)
    assert not moments.spread.any()
    assert not moments.cross.any()
    assert not moments.bias.any()


def test_an_update_leaves_its_argument_as_it_was():
    preds, target = np.array([[0.1, 0.2], [0.3, -0.4]]), np.array([[0.0, 0.2], [0.5, 0.4]])
    before = update(empty(), preds, target)
    kept = {field.name: np.copy(getattr(before, field.name)) for field in fields(Moments)}
    update(before, preds + 1, target - 1)
    for name, value in kept.items():
        np.testing.assert_array_equal(getattr(before, name), value)


def test_an_empty_batch_changes_nothing():
    moments = update(empty(), np.ones((3, 2)), np.zeros((3, 2)))
    assert update(moments, np.empty((0, 2)), np.empty((0, 2))) is moments


def test_float32_predictions_are_summed_in_float64():
    preds = np.full((10, 2), 0.1, dtype=np.float32)
    moments = update(empty(), preds, np.zeros((10, 2), dtype=np.float32))
    assert moments.squared_error[0] == pytest.approx(10 * float(np.float32(0.1)) ** 2, rel=1e-15)


def test_memory_does_not_grow_with_the_number_of_samples():
    def size(moments):
        return sum(np.asarray(getattr(moments, field.name)).nbytes for field in fields(Moments))

    rng = np.random.default_rng(0)
    small = update(empty(), rng.random((4, 2)), rng.random((4, 2)))
    large = streamed(rng.random((4000, 2)), rng.random((4000, 2)), [100] * 40)
    assert size(small) == size(large)


def test_no_sample_is_an_error_with_a_hint():
    with pytest.raises(DataError, match="no sample to score") as error:
        counted(empty())
    assert error.value.hint
