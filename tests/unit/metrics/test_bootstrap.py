import numpy as np
import pytest
from scipy.stats import norm, t

from elimctl.metrics.bootstrap import FEWEST, bundled, draws, effective, studentised

LIMITS = np.array([-np.inf]), np.array([np.inf])


def mean_of(totals):
    """The mean of values, from their number and sum, with its derivatives."""
    count, added = totals.T
    mean = added / count
    return mean[:, None], np.stack([-mean / count, 1 / count], axis=-1)[:, None]


def test_draws_do_not_depend_on_the_size_of_their_parts(monkeypatch):
    whole = np.concatenate(list(draws(7, 600, np.random.default_rng(1))))
    monkeypatch.setattr("elimctl.metrics.bootstrap.CHUNK", 11)
    np.testing.assert_array_equal(whole, np.concatenate(list(draws(7, 600, np.random.default_rng(1)))))
    assert whole.shape == (600, 7)
    assert (whole.sum(axis=1) == 7).all()


def test_bundles_have_the_same_total_and_differ_in_size_by_one_at_most():
    rng = np.random.default_rng(0)
    columns = np.stack([np.ones(1003), rng.normal(size=1003)], axis=1)
    found = bundled(columns, rng, most=100)
    np.testing.assert_allclose(found.sum(axis=0), columns.sum(axis=0))
    assert set(found[:, 0]) == {10, 11}
    assert bundled(columns, rng, most=1003) is columns


def test_an_interval_of_a_mean_of_normal_values_is_that_of_the_t_distribution():
    from scipy.stats import ttest_1samp

    values = np.random.default_rng(0).normal(1, 2, 400)
    columns = np.stack([np.ones(400), values], axis=1)
    found = studentised(columns, mean_of, bounds=LIMITS, resamples=5000)[:, 0]
    wanted = ttest_1samp(values, 0).confidence_interval(0.95)
    # a quantile of 5,000 ratios is known to 0.038 standard errors, of which the interval has 1.97 on each
    # side; three times that, and 400 values are as good as normal
    np.testing.assert_allclose(found, wanted, atol=0.12 * values.std() / 20)


def test_bundles_change_an_interval_little():
    rng = np.random.default_rng(0)
    columns = np.stack([np.ones(6000), rng.normal(1, 2, 6000)], axis=1)
    found = studentised(columns, mean_of, bounds=LIMITS, resamples=1000)[:, 0]
    error = columns[:, 1].std() / np.sqrt(6000)
    # the standard error is known to 1.6 % with 2,000 bundles (three times that: 5 %), quantiles of 1,000
    # ratios to 0.085 standard errors
    wanted = columns[:, 1].mean() + np.array([-1.96, 1.96]) * error
    np.testing.assert_allclose(found, wanted, atol=0.35 * error)


def test_equal_seeds_give_equal_intervals_and_others_nearly_so():
    columns = np.stack([np.ones(30), np.random.default_rng(0).normal(size=30)], axis=1)
    first, again, other = (
        studentised(columns, mean_of, bounds=LIMITS, resamples=2000, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    np.testing.assert_allclose(first, other, atol=0.1)


def test_an_interval_ends_at_the_bounds_of_its_statistic():
    columns = np.stack([np.ones(5), np.array([0, 0, 0, 0.4, 1])], axis=1)
    low, high = studentised(columns, mean_of, bounds=(np.zeros(1), np.ones(1)))[:, 0]
    assert 0 <= low < high <= 1


@pytest.mark.parametrize("groups", [5, 9])
def test_an_interval_of_the_mean_of_few_values_is_that_of_the_t_test(groups):
    from scipy.stats import ttest_1samp

    values = np.random.default_rng(groups).normal(1, 2, groups)
    columns = np.stack([np.ones(groups), values], axis=1)
    low, high = studentised(columns, mean_of, bounds=LIMITS)[:, 0]
    plain = ttest_1samp(values, 0).confidence_interval(0.95)
    # CR3 has groups - 1 where the variance of a mean has the root of that times groups
    wider = np.sqrt(groups / (groups - 1))
    assert high - low == pytest.approx(wider * (plain.high - plain.low))
    assert (low + high) / 2 == pytest.approx(values.mean())


def test_an_interval_holds_its_statistic_whatever_was_drawn():
    columns = np.stack([np.ones(12), np.random.default_rng(0).normal(size=12)], axis=1)
    # one resample has one ratio: both ends lie on the same side of the mean, one seed's below and one's above
    for seed in range(8):
        low, high = studentised(columns, mean_of, bounds=LIMITS, resamples=1, seed=seed)[:, 0]
        assert low <= columns[:, 1].mean() <= high


@pytest.mark.parametrize("groups", range(1, FEWEST))
def test_too_few_groups_have_no_interval(groups):
    columns = np.stack([np.ones(groups), np.arange(groups)], axis=1)
    assert np.isnan(studentised(columns, mean_of, bounds=LIMITS)).all()


def test_groups_that_do_not_differ_have_no_interval():
    columns = np.stack([np.full(9, 3.0), np.full(9, 0.3)], axis=1)
    assert np.isnan(studentised(columns, mean_of, bounds=LIMITS)).all()


def test_percentiles_are_taken_where_resamples_without_spread_are_common():
    columns = np.stack([np.ones(20), np.eye(20)[0]], axis=1)  # one of twenty differs: 36 % do not draw it
    low, high = studentised(columns, mean_of, bounds=LIMITS)[:, 0]
    # it is drawn three times at the most, but for 1.9 %; as far from 1/20 as percentiles are, times what they
    # are too short by: Student's quantile over the normal one, and the error of groups that are left out
    wider = t.ppf(0.975, 19) / norm.ppf(0.975) * 20 / 19
    assert (low, high) == (pytest.approx(1 / 20 - wider / 20), pytest.approx(1 / 20 + wider * 2 / 20))


def test_effective_groups_are_those_of_equal_size_that_weigh_as_much():
    assert effective(np.full(7, 30)) == pytest.approx(7)
    assert effective(np.array([10, 10, 10, 0])) == pytest.approx(3)
    assert effective(np.array([1000, 1, 1, 1, 1])) == pytest.approx(1, abs=0.01)


def test_groups_of_equal_size_are_the_default():
    columns = np.stack([np.full(9, 3.0), np.random.default_rng(0).normal(size=9)], axis=1)
    plain = studentised(columns, mean_of, bounds=LIMITS, resamples=500)
    np.testing.assert_array_equal(
        plain, studentised(columns, mean_of, bounds=LIMITS, sizes=columns[:, 0], resamples=500)
    )


def test_the_same_groups_have_a_wider_interval_the_fewer_decide():
    columns = np.stack([np.ones(9), np.random.default_rng(0).normal(size=9)], axis=1)
    widths = []
    for largest in (1, 4, 16, 1e6):
        sizes = np.append(np.ones(8), largest)
        low, high = studentised(columns, mean_of, bounds=LIMITS, sizes=sizes, resamples=500)[:, 0]
        widths.append(high - low)
    assert np.isfinite(widths).all()
    assert (np.diff(widths) > 0).all(), widths
