import numpy as np
import pytest

from elimctl.metrics import gaps
from elimctl.metrics.gaps import _drawn, aligned, widest

FAR = np.array([np.inf])


def means(totals):
    """The mean, and its derivatives by count and sum."""
    count, total = totals.T
    slopes = np.stack([-total / count**2, 1 / count], axis=1)[:, None]
    return (total / count)[:, None], slopes


def columns(parts):
    """Counts and sums of values (parts, groups), one value each; NaN: the group is not in the part."""
    values = np.asarray(parts, np.float64)
    return np.stack([np.isfinite(values).astype(np.float64), np.nan_to_num(values)], axis=-1)


def test_the_gap_is_that_of_the_largest_and_the_smallest():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 0.1, (3, 30)) + np.array([[0.3], [1.0], [0.6]])
    found = widest(columns(values), means, np.ones((3, 1), bool), most=FAR)
    assert (found.largest.item(), found.smallest.item()) == (1, 0)
    assert found.gap.item() == pytest.approx(values[1].mean() - values[0].mean())
    low, high = found.ends[:, 0]
    assert 0 < low < found.gap.item() < high
    assert found.gap.item() - low == pytest.approx(high - found.gap.item())


def test_parts_that_do_not_count_are_not_compared():
    values = np.random.default_rng(0).normal(0, 0.1, (3, 30)) + np.array([[0.3], [9.0], [0.6]])
    found = widest(columns(values), means, np.array([[True], [False], [True]]), most=FAR)
    assert (found.largest.item(), found.smallest.item()) == (2, 0)
    alone = widest(columns(values), means, np.array([[True], [False], [False]]), most=FAR)
    assert np.isnan(alone.gap).all()
    assert np.isnan(alone.ends).all()


def test_of_two_parts_of_other_groups_the_interval_is_welchs():
    from scipy.stats import t

    rng = np.random.default_rng(3)
    values = np.full((2, 80), np.nan)
    values[0, :40], values[1, 40:] = rng.normal(0, 1, 40), rng.normal(1, 2, 40)
    found = widest(columns(values), means, np.ones((2, 1), bool), most=FAR)
    parts = values[0, :40], values[1, 40:]
    error = np.sqrt(sum(part.var(ddof=1) / len(part) for part in parts))
    freedom = error**4 / sum((part.var(ddof=1) / len(part)) ** 2 / (len(part) - 1) for part in parts)
    # the bootstrap draws the numbers of both parts, too; 2,000 resamples know the quantile to 3 %
    assert np.diff(found.ends[:, 0]) / 2 == pytest.approx(t.ppf(0.975, freedom) * error, rel=0.1)


def test_what_groups_have_in_common_in_both_parts_does_not_count():
    rng = np.random.default_rng(0)
    own, noise = rng.normal(0, 5, 40), rng.normal(0, 0.1, (2, 40))
    found = widest(columns(own + noise), means, np.ones((2, 1), bool), most=FAR)
    assert np.diff(found.ends[:, 0]) < 0.2  # of groups that vary by 5


def test_the_standard_error_is_that_of_the_differences_of_pairs():
    values = np.random.default_rng(0).normal(0, 5, 40) + np.random.default_rng(1).normal(0, 0.1, (2, 40))
    errors = _drawn(np.ones((1, 40)), columns(values), means).errors[0, 0]
    assert errors[0, 1] == errors[1, 0] == pytest.approx((values[0] - values[1]).std() / np.sqrt(40))
    assert errors[0, 0] == 0


def test_of_several_parts_that_do_not_differ_the_widest_gap_is_told_as_none():
    missed = 0
    for seed in range(100):
        values = np.random.default_rng(seed).normal(size=(6, 20))
        found = widest(columns(values), means, np.ones((6, 1), bool), most=FAR, resamples=200, seed=seed)
        low, high = found.ends[:, 0]
        missed += not low <= 0 <= high
    # 5 of 100 expected, 12 with probability 0.4 %; the plain interval of the two chosen misses 60
    assert missed < 12


def test_a_part_that_hardly_any_resample_has_is_no_obstacle():
    values = np.full((2, 60), np.nan)
    values[0], values[1, :2] = np.random.default_rng(0).normal(size=60), [3.0, 4.0]
    found = widest(columns(values), means, np.ones((2, 1), bool), most=FAR)
    assert np.isfinite(found.ends).all()


def test_values_that_do_not_vary_have_no_interval_and_an_end_is_never_beyond_what_is_possible():
    constant = widest(columns([[1.0] * 9, [2.0] * 9]), means, np.ones((2, 1), bool), most=FAR)
    assert constant.gap.item() == 1
    assert np.isnan(constant.ends).all()
    values = np.random.default_rng(0).normal(size=(2, 5))
    bound = widest(columns(values), means, np.ones((2, 1), bool), most=np.array([0.5]))
    assert (np.abs(bound.ends) <= 0.5).all()


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).normal(size=(3, 40))
    a, b, c = (
        widest(columns(values), means, np.ones((3, 1), bool), most=FAR, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(a.ends, b.ends)
    assert (a.ends != c.ends).all()


def test_without_being_asked_for_there_is_no_interval():
    values = np.random.default_rng(0).normal(size=(3, 20))
    found = widest(columns(values), means, np.ones((3, 1), bool), most=FAR, sure=False)
    assert np.isnan(found.ends).all()
    assert np.isfinite(found.gap).all()


def test_groups_stand_side_by_side_and_what_a_part_has_not_is_0():
    codes = np.array([7, 3]), np.array([3, 9])
    sums = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])
    wanted = [[[3, 4], [1, 2], [0, 0]], [[5, 6], [0, 0], [7, 8]]]
    np.testing.assert_array_equal(aligned(codes, sums), wanted)


def test_of_many_groups_there_are_bundles_the_same_for_all_parts(monkeypatch):
    monkeypatch.setattr(gaps, "BUNDLES", 30)
    sums = np.random.default_rng(0).normal(size=(400, 2))
    codes = np.arange(400), np.arange(0, 400, 2)
    found = aligned(codes, [sums, sums[::2]], seed=1)
    assert found.shape == (2, 30, 2)
    np.testing.assert_allclose(found.sum(axis=1), [sums.sum(axis=0), sums[::2].sum(axis=0)])
    counts = aligned(codes, [np.ones((400, 1)), np.ones((200, 1))], seed=1)[..., 0]
    assert set(counts[0].tolist()) <= {13, 14}
    whole = aligned([codes[0]] * 2, [sums, sums], seed=1)
    np.testing.assert_array_equal(whole[0], whole[1])
    assert (found[0] == whole[0]).all()
    assert (aligned(codes, [sums, sums[::2]], seed=2) != found).any()


def test_an_interval_from_bundles_is_about_as_wide_as_one_from_groups(monkeypatch):
    rng = np.random.default_rng(0)
    sums = [np.stack([np.ones(600), rng.normal(at, 1, 600)], axis=1) for at in (0, 0.3)]
    codes, both = [np.arange(0, 1200, 2), np.arange(1, 1200, 2)], np.ones((2, 1), bool)
    widths = []
    for bundles in (1200, 300):
        monkeypatch.setattr(gaps, "BUNDLES", bundles)
        widths.append(np.diff(widest(aligned(codes, sums), means, both, most=FAR).ends[:, 0]).item())
    # of 300 bundles the standard error is known to 4 %, of 2,000 resamples the quantile to 3 %
    assert widths[1] == pytest.approx(widths[0], rel=0.15)
