import numpy as np
import pytest
from scipy import stats

from elimctl.metrics import bootstrap
from elimctl.metrics.intervals import difference, interval, intervals, slopes_of, weighted
from elimctl.metrics.sums import axis_scores, scores_of, sums
from elimctl.metrics.table import METRICS


def scene(identities, frames, rng, *, of_identity=0.2):
    """Predictions and labels of frames that are alike within an identity, as faces of one person are.

    `frames` is the number of each identity's frames, one for all of them or one for each.
    """
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
    drawn = next(bootstrap.draws(6, 40, np.random.default_rng(7)))
    found = scores_of(weighted(drawn, sums(preds, target, group, groups=6)))
    for number in (0, 13, 39):
        rows = np.repeat(np.arange(60), drawn[number][group])
        alone = sums(preds[rows], target[rows], np.zeros(len(rows), int), groups=1)[0]
        np.testing.assert_allclose(found[number], scores_of(alone), rtol=1e-12)


def test_percentiles_are_quantiles():
    found = interval(0.5, np.linspace(0, 1, 201))
    assert (found.estimate, found.low, found.high) == (0.5, pytest.approx(0.025), pytest.approx(0.975))


class Plain:
    """The studentised bootstrap of valence's CCC, from weights of identities and small changes of these."""

    STEP = 1e-4

    def __init__(self, preds, target, group):
        self.x, self.y, self.group = preds[:, 0], target[:, 0], group
        self.sizes = np.bincount(group)
        self.identities = len(self.sizes)

    def ccc(self, weights):
        own = weights[self.group]
        mx, my = np.average(self.x, weights=own), np.average(self.y, weights=own)
        cov = np.average((self.x - mx) * (self.y - my), weights=own)
        spread = np.average((self.x - mx) ** 2, weights=own) + np.average((self.y - my) ** 2, weights=own)
        return 2 * cov / (spread + (mx - my) ** 2)

    def influences(self, weights):
        steps = self.STEP * np.eye(self.identities)
        return np.array([self.ccc(weights + step) - self.ccc(weights - step) for step in steps]) / (
            2 * self.STEP
        )

    def ratio(self, weights):
        """How far a resample is from all of them, in its own standard errors."""
        error = np.sqrt(np.sum(weights * np.square(self.influences(weights))))
        return (self.ccc(weights) - self.ccc(np.ones(self.identities))) / error

    def ends(self, quantiles):
        """The interval, from the quantiles of the ratio."""
        everybody = np.ones(self.identities)
        left_out = self.influences(everybody) / (1 - self.sizes / self.sizes.sum())
        equal = self.sizes.sum() ** 2 / np.square(self.sizes).sum()
        wider = stats.t.ppf(0.975, equal - 1) / stats.t.ppf(0.975, self.identities - 1)
        low, high = quantiles
        error = np.sqrt(np.square(left_out).sum()) * wider
        return self.ccc(everybody) - high * error, self.ccc(everybody) - low * error


def left_out(preds, target, metric, scale, back, taken):
    """The interval of a few identities, from scores of the frames of all but one of them."""
    identities = len(SEVEN)
    rows = np.arange(len(preds))
    group = np.repeat(np.arange(identities), SEVEN)

    def place(own):
        return scale(metric(preds[own], target[own]))

    whole = place(rows)
    error = np.sqrt(sum((place(rows[group != one]) - whole) ** 2 for one in range(identities)))
    equal = SEVEN.sum() ** 2 / np.square(SEVEN).sum()
    away = stats.t.ppf(0.975, equal - taken) * error
    return back(whole - away), back(whole + away)


def rmse(x, y):
    return np.sqrt(np.mean((x - y) ** 2))


def ccc(x, y):
    return 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


SEVEN = np.array([4, 6, 6, 8, 9, 11, 12])
SCALES = {
    "rmse": (rmse, lambda e: -(e ** (-2 / 3)), lambda z: (-z) ** -1.5, 2),
    "mae": (lambda x, y: np.mean(np.abs(x - y)), lambda e: -(e ** (-2 / 3)), lambda z: (-z) ** -1.5, 2),
    "sagr": (
        lambda x, y: np.mean(np.sign(x) == np.sign(y)),
        lambda p: np.arcsin(np.sqrt(p)),
        lambda z: np.sin(z) ** 2,
        1,
    ),
    "pcc": (lambda x, y: stats.pearsonr(x, y)[0], np.arctanh, np.tanh, 1),
    "ccc": (ccc, np.arctanh, np.tanh, 1),
}


@pytest.mark.parametrize("metric", METRICS)
def test_intervals_of_few_identities_are_those_of_a_plain_jackknife(metric):
    """Against scores of frames, left out identity by identity, and quantiles of SciPy."""
    preds, target, group = scene(7, SEVEN, np.random.default_rng(3))
    found = intervals(sums(preds, target, group, groups=7))[:, METRICS.index(metric)]
    for axis in (0, 1):
        wanted = left_out(preds[:, axis], target[:, axis], *SCALES[metric])
        assert found[:, axis] == pytest.approx(wanted, rel=1e-9)

    def of_mean(x, y):
        return np.mean([SCALES[metric][0](x[:, axis], y[:, axis]) for axis in (0, 1)])

    assert found[:, 2] == pytest.approx(left_out(preds, target, of_mean, *SCALES[metric][1:]), rel=1e-9)


@pytest.mark.parametrize("identities", [5, 6, 9, 10, 13])
def test_an_interval_holds_its_score_and_that_of_the_mean_ends_between_those_of_both_axes(identities):
    rng = np.random.default_rng(identities)
    for number in range(40):
        frames = rng.integers(2, 9, identities) if number % 2 else unequal(identities, rng)
        preds, target, group = scene(identities, frames, rng)
        preds[:, 0] = target[:, 0] + 0.1 * (preds[:, 0] - target[:, 0])  # axes of unlike scores
        added = sums(preds, target, group, groups=identities)
        low, high = intervals(added, resamples=100, seed=number)
        scores = scores_of(added.sum(axis=0))
        there = ~np.isnan(low)
        assert (there == ~np.isnan(high)).all()
        assert (low[there] <= scores[there]).all()
        assert (scores[there] <= high[there]).all()
        assert np.isfinite(high[there]).all()
        assert (low[there] >= np.broadcast_to([[0], [0], [-1], [-1], [0]], low.shape)[there]).all()
        assert (high[1:4] <= 1)[there[1:4]].all()
        both = there.all(axis=1)
        assert both.sum() >= 2
        assert (low[both, 2] >= low[both, :2].min(axis=1)).all()
        assert (high[both, 2] <= high[both, :2].max(axis=1)).all()


def test_an_interval_of_errors_grows_with_their_unit_and_one_of_correlations_does_not():
    preds, target, group = scene(6, 8, np.random.default_rng(0))
    plain, doubled = (
        intervals(sums(unit * preds, unit * target, group, groups=6), seed=0) for unit in (1, 2)
    )
    np.testing.assert_allclose(doubled[:, [0, 4]], 2 * plain[:, [0, 4]])
    np.testing.assert_allclose(doubled[:, 1:4], plain[:, 1:4])


def test_the_sign_of_predictions_turns_the_interval_of_a_correlation():
    preds, target, group = scene(6, 8, np.random.default_rng(0))
    forth, back = (intervals(sums(sign * preds, target, group, groups=6)) for sign in (1, -1))
    line = METRICS.index("pcc")
    np.testing.assert_allclose(forth[:, line], -back[::-1, line])


def test_an_axis_on_which_all_signs_are_right_leaves_the_mean_an_interval():
    preds, target, group = scene(6, 8, np.random.default_rng(0))
    preds[:, 0] = target[:, 0]
    low, high = intervals(sums(preds, target, group, groups=6))[:, METRICS.index("sagr")]
    assert np.isnan(low[0])
    assert low[1] <= low[2] < high[2] <= 1


def test_a_score_that_one_identity_alone_gives_has_no_interval():
    preds, target, group = scene(6, 8, np.random.default_rng(0))
    target[group > 0, 0] = 0.25  # labels of valence vary in one identity of six
    low, _ = intervals(sums(preds, target, group, groups=6))
    line = METRICS.index("pcc")
    assert np.isnan(low[line, [0, 2]]).all()
    assert np.isfinite(low[line, 1])


def test_an_error_that_nearly_all_comes_from_one_identity_has_no_interval():
    preds, target, group = scene(6, 8, np.random.default_rng(0))
    near = target + 1e-6 * (preds - target)
    preds = np.where((group == 0)[:, None], preds + 1, near)
    ends = intervals(sums(preds, target, group, groups=6))
    assert np.isnan(ends[:, METRICS.index("rmse")]).all()  # it would not end
    assert not np.isinf(ends).any()


@pytest.mark.parametrize("identities", range(1, 5))
def test_fewer_than_five_identities_have_no_interval(identities):
    preds, target, group = scene(identities, 8, np.random.default_rng(0))
    assert np.isnan(intervals(sums(preds, target, group, groups=identities))).all()


def test_draws_do_not_matter_to_few_identities_and_do_to_more():
    for identities, same in ((9, True), (10, False)):
        preds, target, group = scene(identities, 8, np.random.default_rng(0))
        added = sums(preds, target, group, groups=identities)
        one, other = (intervals(added, resamples=200, seed=seed) for seed in (1, 2))
        assert np.array_equal(one, other) == same


UNEQUAL = np.array([2, 3, 4, 6, 6, 8, 9, 11, 14, 20])


def test_intervals_are_those_of_a_plain_studentised_bootstrap():
    """Draw by draw, against one that builds every resample."""
    preds, target, group = scene(10, UNEQUAL, np.random.default_rng(4))
    plain = Plain(preds, target, group)
    drawn = next(bootstrap.draws(10, 60, np.random.default_rng(5))).astype(float)
    low, high = plain.ends(np.quantile([plain.ratio(weights) for weights in drawn], [0.025, 0.975]))
    found = intervals(sums(preds, target, group, groups=10), resamples=60, seed=5)
    # 1 is the highest value that a CCC can have; central differences have a step of 1e-4
    assert found[:, METRICS.index("ccc"), 0] == pytest.approx([low, min(high, 1)], rel=1e-6)


def test_intervals_are_those_that_scipy_draws():
    """SciPy's bootstrap draws the identities and takes the quantiles; draws and quantiles are its own."""
    preds, target, group = scene(10, UNEQUAL, np.random.default_rng(4))
    plain = Plain(preds, target, group)

    def ratio(codes):
        return plain.ratio(np.bincount(codes, minlength=10).astype(float))

    theirs = stats.bootstrap(
        (np.arange(10),), ratio, n_resamples=2000, vectorized=False, method="percentile", rng=1
    )
    low, high = plain.ends(theirs.confidence_interval)
    found = intervals(sums(preds, target, group, groups=10), seed=0)[:, METRICS.index("ccc"), 0]
    # a quantile of 2,000 ratios is known to 2 or, of long tails, 3 % of the width; one of 10,000 to half
    assert found == pytest.approx([low, min(high, 1)], abs=0.08 * (high - low))


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


def unequal(identities, rng):
    """Numbers of frames, of which one in ten is above 34 and one in ten below 2."""
    return np.maximum(1, rng.lognormal(2, 1.2, identities).astype(int))


def test_intervals_over_identities_of_very_unequal_size_hold_the_truth_nearly_as_often():
    rng = np.random.default_rng(11)
    draws, identities = 250, 20
    held = np.zeros((5, 2))
    wanted = truth()[:, None]
    for number in range(draws):
        preds, target, group = scene(identities, unequal(identities, rng), rng)
        added = sums(preds, target, group, groups=identities)
        low, high = intervals(added, resamples=500, seed=number)[..., :2]
        held += (low <= wanted) & (wanted <= high)
    # 500 intervals for a metric, a share known to 1 %: 93 to 98 % in a longer run; 87 to 90 % of RMSE, PCC
    # and CCC where intervals know nothing of sizes
    share = held.mean(axis=1) / draws
    assert (share > 0.91).all(), share
    assert share.mean() > 0.93, share


def test_two_runs_that_are_alike_differ_in_one_of_twenty():
    rng = np.random.default_rng(0)
    draws, identities = 250, 80
    real = np.zeros((5, 2))
    for number in range(draws):
        preds, target, group = scene(identities, 8, rng)
        other = 0.8 * target + rng.normal(0, 0.2, (identities, 2))[group]
        other += rng.normal(0, 0.15, target.shape)
        first, second = (sums(one, target, group, groups=identities) for one in (preds, other))
        _, (low, high) = difference(first, second, resamples=300, seed=number)
        real += ((low > 0) | (high < 0))[:, :2]
    # 500 differences for a metric, whose share is known to 1 %; 6 to 7.5 % in a longer run
    share = real.mean(axis=1) / draws
    assert ((share > 0.02) & (share < 0.1)).all(), share
    assert share.mean() < 0.08, share


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
