import json
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve

from elimctl.manifest.grouping import Groups
from elimctl.metrics import calibration as of_predictions
from elimctl.metrics.calibration import _fitted, calibration, reliability
from elimctl.metrics.detail import Resampling
from elimctl.predict.table import read

QUICK = Resampling(resamples=400)


def samples(count=600, identities=30, *, slope=1.0, offset=0.0, noise=0.2, seed=0):
    """Predictions, and labels that are a line of them with noise; identities."""
    rng = np.random.default_rng(seed)
    preds = rng.uniform(-1, 1, count)
    target = offset + slope * preds + rng.normal(0, noise, count)
    code = np.arange(count) % identities
    return preds, target, Groups(code, tuple(f"{number:02d}" for number in range(identities)))


def test_the_bins_are_those_of_scikit_learn(save_classes):
    table = read(save_classes(identities=40))
    odds = np.random.default_rng(0).uniform(0.3, 1, len(table)).astype(np.float32)
    columns = table.columns.drop_columns("probability").append_column("probability", [odds])
    found = calibration(replace(table, columns=columns), QUICK)["probability"]
    right = table.preds == table.target
    true, predicted = calibration_curve(right, odds, n_bins=10, strategy="quantile")
    # float32 probabilities, means in another order
    np.testing.assert_allclose([part.true for part in found.bins], true, atol=1e-6)
    np.testing.assert_allclose([part.predicted for part in found.bins], predicted, atol=1e-6)


def test_the_error_is_the_mean_gap_of_the_bins_weighted_by_their_samples():
    preds, target, identities = samples(slope=0.5, noise=0.5)
    found = reliability(preds, target, identities, QUICK)
    assert sum(part.count for part in found.bins) == 600
    gaps = [abs(part.true - part.predicted) for part in found.bins]
    assert found.error == pytest.approx(np.average(gaps, weights=[part.count for part in found.bins]))
    assert [part.low for part in found.bins][1:] > [part.high for part in found.bins][:-1]
    assert {part.identities for part in found.bins} <= set(range(1, 31))


def test_labels_equal_to_predictions_have_no_error_and_the_line_through_the_origin():
    preds, _, identities = samples()
    found = reliability(preds, preds, identities, QUICK)
    assert found.error == pytest.approx(0, abs=1e-15)
    assert found.slope == pytest.approx(1)
    assert found.intercept == pytest.approx(0, abs=1e-15)


def test_the_line_is_that_of_least_squares():
    preds, target, identities = samples(slope=1.4, offset=0.3)
    found = reliability(preds, target, identities, QUICK)
    wanted = stats.linregress(preds, target)
    assert found.slope == pytest.approx(wanted.slope, rel=1e-12)
    assert found.intercept == pytest.approx(wanted.intercept, rel=1e-12)
    # frames are independent here, so identities tell no more and no less than linregress does
    assert np.diff(found.slope_interval) / 2 == pytest.approx(1.96 * wanted.stderr, rel=0.3)
    assert np.diff(found.intercept_interval) / 2 == pytest.approx(1.96 * wanted.intercept_stderr, rel=0.3)


def test_what_frames_of_an_identity_share_widens_the_interval():
    preds, target, identities = samples(noise=0.01)
    shared = np.random.default_rng(1).normal(0, 0.3, 30)[identities.code]
    alone = np.random.default_rng(1).normal(0, 0.3, 600)
    together, apart = (
        np.diff(reliability(preds, target + noise, identities, QUICK).intercept_interval)
        for noise in (shared, alone)
    )
    assert together > 2.5 * apart  # the root of 20 frames is 4.5


def test_the_derivatives_are_the_quotients_of_differences():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 50))
    totals = np.array([[50, x.sum(), y.sum(), (x * x).sum(), (x * y).sum()]])
    _, slopes = _fitted(totals, (0.3, -0.2))
    for term in range(5):
        step = np.zeros(5)
        step[term] = 1e-5
        high, low = (_fitted(totals + sign * step, (0.3, -0.2))[0] for sign in (1, -1))
        # central differences: 1e-10 of curvature, 1e-11 of rounding
        np.testing.assert_allclose(slopes[0, :, term], (high - low)[0] / 2e-5, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("value", [0.0, 0.1, -0.7])
def test_constant_predictions_have_no_slope(value):
    _, target, identities = samples()
    found = reliability(np.full(600, value, np.float32), target, identities, QUICK)
    assert found.slope is found.slope_interval is found.intercept_interval is None
    assert found.intercept == pytest.approx(target.mean())
    assert [part.count for part in found.bins] == [600]
    json.dumps(asdict(found), allow_nan=False)


def test_few_samples_have_few_bins_and_few_identities_no_interval():
    preds, target, identities = samples(45, 3)
    found = reliability(preds, target, identities, QUICK)
    assert [part.count for part in found.bins] == [22, 23]
    assert found.slope is not None
    assert found.slope_interval is None


def test_equal_predictions_are_in_one_bin():
    preds, target, identities = samples()
    found = reliability(preds.round(1), target, identities, QUICK)
    assert sum(part.count for part in found.bins) == 600
    for lower, upper in pairwise(found.bins):
        assert lower.low <= lower.high < upper.low


def test_both_axes_are_told_of(save):
    table = read(save())
    found = calibration(table, QUICK)
    assert list(found) == ["valence", "arousal"]
    wanted = stats.linregress(table.preds[:, 1], table.target[:, 1])
    assert found["arousal"].slope == pytest.approx(wanted.slope)
    json.dumps({axis: asdict(one) for axis, one in found.items()}, allow_nan=False)


def test_intervals_know_how_many_samples_each_identity_has(monkeypatch):
    seen, plain = [], of_predictions.studentised

    def noted(*arguments, sizes, **knobs):
        seen.append(sizes.tolist())
        return plain(*arguments, sizes=sizes, **knobs)

    monkeypatch.setattr(of_predictions, "studentised", noted)
    code = np.repeat(np.arange(6), [5, 5, 5, 5, 5, 35])
    preds, target, _ = samples(60)
    reliability(preds, target, Groups(code, tuple("abcdef")), QUICK)
    assert seen == [[5, 5, 5, 5, 5, 35]]
