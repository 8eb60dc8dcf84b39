import numpy as np
import pytest
from scipy import stats

from elimctl.evaluate import studentised
from elimctl.evaluate.intervals import bootstrap, difference, interval, intervals, slopes_of
from elimctl.evaluate.sums import METRICS, axis_scores, scores_of, sums


def scene(identities, frames, rng, *, of_identity=0.2):
    """Predictions and labels of frames that are alike within an identity, as faces of one person are."""
    group = np.repeat(np.arange(identities), frames)
    target = rng.normal(0, 0.3, (identities, 2))[group] + rng.normal(0, 0.2, (len(group), 2))
    preds = 0.8 * target + rng.normal(0, of_identity, (identities, 2))[group]
    return preds + rng.normal(0, 0.15, target.shape), target, group


def truth():
    """Scores of `scene` with identities and frames without number; all is normal."""
    var_y, var_x = 0.3**2 + 0.2**2, 0.64 * (0.3**2 + 0.2**2) + 0.2**2 + 0.15**2
    cov, error = 0.8 * var_y, np.sqrt(0.04 * var_y + 0.2**2 + 0.15**2)
    pcc = cov / np.sqrt(var_x * var_y)
    return np.array(
        [error, 0.5 + np.arcsin(pcc) / np.pi, pcc, 2 * cov / (var_x + var_y), error * np.sqrt(2 / np.pi)]
    )


@pytest.fixture
def added():
    preds, target, group = scene(12, 10, np.random.default_rng(0))
    return sums(preds, target, group, groups=12)


def test_slopes_are_those_of_small_differences(added):
    total = added.sum(axis=0)
    found = slopes_of(total)
    for place in np.ndindex(total.shape):
        step = np.zeros(total.shape)
        step[place] = 1e-5 * max(1, abs(total[place]))
        numeric = (axis_scores(total + step) - axis_scores(total - step)) / (2 * step[place])
        # the error of a central difference: its step squared, and rounding over the step
        np.testing.assert_allclose(found[:, place[0], place[1]], numeric[:, place[1]], rtol=1e-5, atol=1e-8)


def test_scores_do_not_depend_on_the_number_of_copies_of_everything(added):
    total = added.sum(axis=0)
    # of a function that does not change with its scale: Euler
    np.testing.assert_allclose(np.einsum("mta,ta->ma", slopes_of(total), total), 0, atol=1e-13)


def test_resampled_scores_are_those_of_the_drawn_frames():
    preds, target, group = scene(6, 10, np.random.default_rng(2))
    found = bootstrap(sums(preds, target, group, groups=6), resamples=40, seed=7)
    drawn = next(studentised.draws(6, 40, np.random.default_rng(7)))
    for number in (0, 13, 39):
        rows = np.repeat(np.arange(60), drawn[number][group])
        alone = sums(preds[rows], target[rows], np.zeros(len(rows), int), groups=1)[0]
        np.testing.assert_allclose(found[number], scores_of(alone), rtol=1e-12)


def test_percentiles_and_spread_are_those_of_scipy():
    preds, target, group = scene(12, 10, np.random.default_rng(0))
    found = bootstrap(sums(preds, target, group, groups=12), resamples=9999)

    def of_identities(drawn):
        rows = np.concatenate([np.flatnonzero(group == code) for code in drawn])
        x, y = preds[rows, 0], target[rows, 0]
        concordance = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        return np.array([np.sqrt(np.mean((x - y) ** 2)), concordance])

    wanted = stats.bootstrap(
        (np.arange(12),), of_identities, n_resamples=2000, vectorized=False, method="percentile", rng=1
    )
    for place, metric in enumerate(("rmse", "ccc")):
        resampled = found[:, METRICS.index(metric), 0]
        ours = interval(0.0, resampled)
        spread = resampled.std()
        # ends of 2,000 draws are known to 0.06 standard deviations, of 9,999 to 0.027: some four times both
        low, high = (end[place] for end in wanted.confidence_interval)
        assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.25 * spread)
        assert spread == pytest.approx(wanted.standard_error[place], rel=0.06)  # known to 1.6 and 0.7 %


def test_intervals_are_those_of_a_plain_studentised_bootstrap():
    """Against one that builds every resample and takes influences from small changes of the weights."""
    preds, target, group = scene(8, 6, np.random.default_rng(4))
    step, resamples = 1e-4, 60
    added = sums(preds, target, group, groups=8)

    def weighted(weights):
        x, y, w = preds[:, 0], target[:, 0], weights[group]
        mx, my = np.average(x, weights=w), np.average(y, weights=w)
        cov = np.average((x - mx) * (y - my), weights=w)
        spread = np.average((x - mx) ** 2, weights=w) + np.average((y - my) ** 2, weights=w)
        return 2 * cov / (spread + (mx - my) ** 2)

    def value_and_error(weights):
        influence = [
            (weighted(weights + step * unit) - weighted(weights - step * unit)) / (2 * step)
            for unit in np.eye(8)
        ]
        return weighted(weights), np.sqrt(np.sum(weights * np.square(influence)))

    drawn = next(studentised.draws(8, resamples, np.random.default_rng(5))).astype(float)
    value, error = value_and_error(np.ones(8))
    ratios = [(one - value) / spread for one, spread in map(value_and_error, drawn)]
    low, high = value - np.quantile(ratios, [0.975, 0.025]) * error
    found = intervals(added, resamples=resamples, seed=5)[:, METRICS.index("ccc"), 0]
    # 1 is the highest value that a CCC can have
    assert found == pytest.approx([low, min(high, 1)], rel=1e-6)  # of central differences with a step of 1e-4


def test_95_of_100_intervals_over_identities_hold_the_truth_and_far_fewer_over_frames():
    rng = np.random.default_rng(0)
    draws, identities, frames = 500, 80, 8
    held, held_by_frames = np.zeros((5, 2)), np.zeros((5, 2))
    wanted = truth()[:, None]
    for number in range(draws):
        preds, target, group = scene(identities, frames, rng)
        added = sums(preds, target, group, groups=identities)
        low, high = intervals(added, resamples=500, seed=number)[..., :2]
        held += (low <= wanted) & (wanted <= high)
        if number % 10 == 0:
            alone = sums(preds, target, np.arange(len(group)), groups=len(group))
            low, high = intervals(alone, resamples=200, seed=number)[..., :2]
            held_by_frames += (low <= wanted) & (wanted <= high)
    # both axes are drawn alike and apart: 1,000 intervals for a metric, whose share is known to 0.7 %
    share = held.mean(axis=1) / draws
    assert ((share > 0.93) & (share < 0.97)).all(), share
    by_frames = held_by_frames.mean(axis=1) / (draws / 10)
    # 100 intervals for a metric: 68 of CCC held the truth in a longer run, give or take 4.7
    assert (by_frames < 0.92).all(), by_frames
    assert by_frames[METRICS.index("ccc")] < 0.8, by_frames


def test_a_difference_is_paired():
    rng = np.random.default_rng(1)
    preds, target, group = scene(40, 8, rng)
    worse = preds + rng.normal(0, 0.2, preds.shape)
    first, second = (sums(one, target, group, groups=40) for one in (preds, worse))
    apart, (low, high) = difference(first, second, resamples=2000)
    np.testing.assert_allclose(apart, scores_of(second.sum(axis=0)) - scores_of(first.sum(axis=0)))
    own = np.diff(intervals(first, resamples=2000), axis=0)[0]
    line = METRICS.index("ccc")
    assert (high[line] < 0).all()  # the loss is clear
    assert (high[line] - low[line] < own[line]).all()  # though each CCC is not known that well


def test_a_difference_changes_its_sign_with_the_order():
    rng = np.random.default_rng(1)
    preds, target, group = scene(20, 8, rng)
    first, second = (
        sums(one, target, group, groups=20) for one in (preds, preds + rng.normal(0, 0.1, preds.shape))
    )
    forth, (low, high) = difference(first, second, resamples=500)
    back, (low_back, high_back) = difference(second, first, resamples=500)
    np.testing.assert_allclose(forth, -back)
    # the same draws; a quantile between two ratios is rounded once more
    np.testing.assert_allclose([low, high], [-high_back, -low_back], rtol=1e-9)


def test_a_run_does_not_differ_from_itself(added):
    apart, ends = difference(added, added, resamples=200)
    assert not apart.any()
    assert np.isnan(ends).all()


def test_constant_predictions_have_no_interval_of_a_correlation_but_one_of_the_error():
    _, target, group = scene(12, 10, np.random.default_rng(0))
    added = sums(np.full(target.shape, 0.1), target, group, groups=12)
    ends = intervals(added, resamples=500)
    assert np.isnan(ends[:, [METRICS.index("pcc"), METRICS.index("ccc")]]).all()
    assert np.isfinite(ends[:, [METRICS.index("rmse"), METRICS.index("mae")]]).all()
