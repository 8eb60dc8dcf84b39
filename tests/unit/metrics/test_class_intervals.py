import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from elimctl.metrics.bootstrap import studentised
from elimctl.metrics.class_intervals import class_difference, class_intervals
from elimctl.metrics.classes import confusions, score_classes
from elimctl.metrics.rates import RATES, marginals, rates, slopes_of

CLASSES = 4


def scene(identities, frames, rng, *, right=0.6):
    """Classes of frames; how often an identity is recognised is its own."""
    group = np.repeat(np.arange(identities), frames)
    true = rng.integers(0, CLASSES, len(group))
    skill = rng.beta(4 * right, 4 * (1 - right), identities)[group]
    found = np.where(rng.random(len(group)) < skill, true, rng.integers(0, CLASSES, len(group)))
    return true, found, group


def counted(true, found, group):
    return confusions(true, found, group, groups=int(group.max()) + 1, classes=CLASSES)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=30))
def test_added_confusions_give_the_scores_of_all(rows):
    true, found, group = np.array(rows).T
    total = counted(true, found, group).sum(axis=0)
    wanted = score_classes(total.astype(np.int64), tuple("abcd"), split="val")
    assert rates(marginals(total)).tolist() == [getattr(wanted, name) for name in RATES]
    assert wanted.macro_f1 == pytest.approx(f1_score(true, found, average="macro", zero_division=0))


def test_slopes_are_those_of_small_differences():
    counts = marginals(counted(*scene(3, 40, np.random.default_rng(0))).sum(axis=0))
    found = slopes_of(counts)
    for place in np.ndindex(counts.shape):
        step = np.zeros(counts.shape)
        step[place] = 1e-3
        numeric = (rates(counts + step) - rates(counts - step)) / 2e-3
        np.testing.assert_allclose(found[:, place[0], place[1]], numeric, atol=1e-9)  # the step squared


def test_classes_that_are_not_there_have_no_slope():
    counts = marginals(np.diag([5.0, 3.0, 0.0, 0.0]))
    assert np.isfinite(slopes_of(counts)).all()
    assert not slopes_of(counts)[1:, :, 2:].any()


def test_95_of_100_intervals_hold_the_truth():
    rng = np.random.default_rng(0)
    held = 0
    for number in range(200):
        low, high = class_intervals(counted(*scene(60, 10, rng)), resamples=300, seed=number)
        held += low[0] <= 0.6 + 0.4 / CLASSES <= high[0]
    # 190 of 200 expected, with a standard deviation of 3.1
    assert 181 <= held <= 199


def test_95_of_100_intervals_of_few_identities_hold_the_truth():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        low, high = class_intervals(counted(*scene(6, 30, rng)))
        held += low[0] <= 0.6 + 0.4 / CLASSES <= high[0]
    # 380 of 400 expected, with a standard deviation of 4.4; 96 % of 600 in another run
    assert 366 <= held <= 396


def test_a_difference_is_paired_and_changes_its_sign_with_the_order():
    rng = np.random.default_rng(1)
    true, found, group = scene(40, 20, rng)
    spoilt = np.where(rng.random(len(true)) < 0.1, (found + 1) % CLASSES, found)
    first, second = counted(true, found, group), counted(true, spoilt, group)
    apart, (low, high) = class_difference(first, second, resamples=500)
    back, ends = class_difference(second, first, resamples=500)
    assert apart[0] == pytest.approx((spoilt == true).mean() - (found == true).mean())
    assert (high < 0).all()
    np.testing.assert_allclose(apart, -back)
    np.testing.assert_allclose([low, high], -ends[::-1], rtol=1e-9)  # a quantile is rounded once more
    own = np.diff(class_intervals(first, resamples=500), axis=0)[0]
    assert (high - low < own).all()


def test_intervals_know_how_many_samples_each_identity_has(monkeypatch):
    given = {}

    def noted(*parts, sizes, **knobs):
        given["sizes"] = sizes
        return studentised(*parts, sizes=sizes, **knobs)

    monkeypatch.setattr("elimctl.metrics.class_intervals.studentised", noted)
    frames = np.array([2, 4, 8, 16, 32, 64])
    low, high = class_intervals(counted(*scene(6, frames, np.random.default_rng(0))), resamples=200)
    np.testing.assert_array_equal(given["sizes"], frames)
    assert (low < high).all()


def test_one_identity_has_no_interval():
    assert np.isnan(class_intervals(counted(*scene(1, 30, np.random.default_rng(0))))).all()
