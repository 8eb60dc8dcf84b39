import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.metrics.moments import empty, update
from elimctl.metrics.score import MetricOptions, values_of
from elimctl.metrics.sums import axis_scores, scores_of, scores_together, sums, undefined
from elimctl.metrics.table import AXES, METRICS


def ccc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["ccc"]


def pcc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["pcc"]


def rmse(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["rmse"]


def sagr(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["sagr"]


def mae(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["mae"]


# Multiples of 1/64 in [-1, 1], so that equal values, exact zeros and constants are common.
values = st.integers(-64, 64).map(lambda count: count / 64)
samples = st.lists(st.tuples(values, values, values, values, st.integers(0, 3)), min_size=1, max_size=40)
zeros = st.sampled_from(["equal", "never", "skip"])


def arrays(drawn):
    rows = np.array([row[:4] for row in drawn])
    return rows[:, :2], rows[:, 2:], np.array([row[4] for row in drawn])


def metrics(preds, target, zero="equal"):
    """The scores by `elimctl.metrics`, with the mean of both axes."""
    found = update(empty(), preds, target)
    table = np.stack([rmse(found), sagr(found, sagr_zero=zero), pcc(found), ccc(found), mae(found)])
    return np.concatenate([table, table.mean(axis=1, keepdims=True)], axis=1)


@given(samples, zeros, st.sampled_from([0, 0.1, -100]))
def test_the_sums_of_all_groups_give_the_metrics_at_any_offset_of_the_predictions(drawn, zero, offset):
    preds, target, group = arrays(drawn)
    preds = preds + offset
    found = scores_of(sums(preds, target, group, groups=4, zero=zero).sum(axis=0))
    # scores are of order 1, an RMSE up to 100; both ways round sums of up to 40 terms
    np.testing.assert_allclose(found, metrics(preds, target, zero), rtol=1e-12, atol=1e-12)


@given(samples, zeros)
def test_the_sums_of_a_group_alone_give_its_metrics(drawn, zero):
    preds, target, group = arrays(drawn)
    found = scores_of(sums(preds, target, group, groups=4, zero=zero, apart=True))
    for code in range(4):
        own = group == code
        wanted = metrics(preds[own], target[own], zero) if own.any() else np.zeros((5, 3))
        np.testing.assert_allclose(found[code], wanted, rtol=1e-12, atol=1e-12)


def test_groups_far_apart_keep_their_digits_alone():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], 50)
    target = rng.normal(0, 1e-3, (100, 2)) + np.array([-0.9, 0.9])[group][:, None]
    preds = 0.5 * target + rng.normal(0, 1e-3, target.shape)
    found = scores_of(sums(preds, target, group, groups=2, apart=True))
    for code in (0, 1):
        own = group == code
        # a spread of 1e-6 beside squares of 1: sums about a common origin would keep ten digits
        np.testing.assert_allclose(found[code], metrics(preds[own], target[own]), rtol=1e-12)


@given(samples, st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(any))
def test_weighted_sums_give_the_metrics_of_repeated_samples(drawn, times):
    preds, target, group = arrays(drawn)
    rows = np.repeat(np.arange(len(group)), np.array(times)[group])
    if len(rows):
        found = scores_of(np.tensordot(times, sums(preds, target, group, groups=4), axes=1))
        np.testing.assert_allclose(found, metrics(preds[rows], target[rows]), rtol=1e-12, atol=1e-12)


@given(st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3), st.integers(1, 9), st.integers(0, 2))
def test_constants_that_are_drawn_from_varying_groups_score_0(constants, times, drawn):
    group = np.repeat(np.arange(3), 7)
    target = np.random.default_rng(0).uniform(-1, 1, (21, 2))
    preds = np.array(constants)[group][:, None] + np.zeros((21, 2))  # constant within each group
    found = times * sums(preds, target, group, groups=3)[drawn]
    assert not scores_of(found)[[METRICS.index("pcc"), METRICS.index("ccc")]].any()
    assert undefined(found)[METRICS.index("pcc")].all()


def test_float32_predictions_are_added_up_in_float64():
    preds = np.full((10, 2), 0.1, np.float32)
    found = scores_of(sums(preds, np.zeros((10, 2)), np.zeros(10, int), groups=1)[0])
    assert found[METRICS.index("rmse"), 0] == pytest.approx(float(np.float32(0.1)), rel=1e-15)


varying, constant, other = np.linspace(-1, 1, 5), np.full(5, 0.1), np.full(5, 0.2)


@pytest.mark.parametrize(
    ("preds", "target", "names"),
    [
        (varying, varying, set()),
        (constant, varying, {"pcc"}),
        (varying, constant, {"pcc"}),
        (other, constant, {"pcc"}),  # CCC is 0: its denominator is the squared bias
        (constant, constant, {"pcc", "ccc"}),
    ],
)
def test_it_is_told_which_scores_are_not_defined(preds, target, names):
    group = np.zeros(5, int)
    pairs = [np.stack([column, varying], axis=1) for column in (preds, target)]
    added = sums(*pairs, group, groups=1)[0]
    lacking, scores = undefined(added), scores_of(added)
    for axis, wanted in zip(AXES, (names, set(), names), strict=True):
        found = {metric for metric, lacks in zip(METRICS, lacking[:, AXES.index(axis)], strict=True) if lacks}
        assert found == wanted
    assert np.isfinite(scores).all()
    assert not scores[:, 0][lacking[:, 0]].any()


def test_no_sign_to_compare_leaves_sagr_undefined():
    added = sums(np.ones((3, 2)), np.zeros((3, 2)), np.zeros(3, int), groups=1, zero="skip")[0]
    assert undefined(added)[METRICS.index("sagr")].all()


def test_a_score_of_one_axis_does_not_depend_on_the_other():
    rng = np.random.default_rng(3)
    preds, target = rng.normal(size=(2, 30, 2))
    both = sums(preds, target, np.zeros(30, int), groups=1)[0]
    alone = sums(preds[:, :1], target[:, :1], np.zeros(30, int), groups=1)[0]
    np.testing.assert_array_equal(axis_scores(both)[:, :1], axis_scores(alone))


def test_all_samples_together_are_one_group():
    rng = np.random.default_rng(0)
    target, preds = rng.uniform(-1, 1, (2, 30, 2))
    added = sums(preds, target, np.arange(30) // 7, groups=5)
    np.testing.assert_allclose(scores_together(preds, target), scores_of(added.sum(axis=0)), rtol=1e-12)
