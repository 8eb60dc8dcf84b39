import numpy as np
import pytest

from elimctl.experiments.seed_intervals import bootstrap, ccc_of
from elimctl.metrics.intervals import interval
from elimctl.metrics.moments import empty, update
from elimctl.metrics.score import MetricOptions, values_of
from elimctl.metrics.sums import sums


def ccc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["ccc"]


def scene(seeds, identities, frames, *, noise, rng):
    """Sums of predictions that have an error of their own for each identity."""
    identity = np.repeat(np.arange(identities), frames)
    target = rng.uniform(-1, 1, (len(identity), 2))
    offset = rng.normal(0, noise, (identities, 2))[identity]
    preds = [target + offset + rng.normal(0, 0.1, target.shape) for _ in range(seeds)]
    return np.stack([sums(one, target, identity, groups=identities) for one in preds]), preds, target


def test_ccc_from_sums_is_the_metrics():
    rng = np.random.default_rng(0)
    added, preds, target = scene(2, 5, 20, noise=0.3, rng=rng)
    for number, one in enumerate(preds):
        wanted = ccc(update(empty(), one.astype(np.float32), target)).mean()
        # the metric saw float32 predictions
        assert ccc_of(added[number].sum(axis=0)) == pytest.approx(wanted, abs=1e-6)


def test_resamples_of_one_seed_and_identity_are_the_estimate():
    rng = np.random.default_rng(1)
    added, _, _ = scene(1, 1, 30, noise=0.3, rng=rng)
    found = bootstrap(added)
    np.testing.assert_allclose(found, ccc_of(added[0, 0]), atol=1e-12)  # float64 sums in another order


def test_resamples_equal_scores_of_the_drawn_frames():
    rng = np.random.default_rng(2)
    identities, frames = 4, 10
    added, preds, target = scene(3, identities, frames, noise=0.3, rng=rng)
    draws = np.random.default_rng(7)
    of_seeds = draws.multinomial(3, np.full(3, 1 / 3), 2000)[5]
    of_identities = draws.multinomial(identities, np.full(identities, 1 / identities), 2000)[5]
    rows = np.concatenate(
        [np.arange(i * frames, (i + 1) * frames) for i, n in enumerate(of_identities) for _ in range(n)]
    )
    each = [ccc(update(empty(), one[rows].astype(np.float32), target[rows])).mean() for one in preds]
    assert bootstrap(added, seed=7)[5] == pytest.approx(np.dot(of_seeds, each) / 3, abs=1e-6)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    big, _, _ = scene(1, 4000, 10, noise=0.3, rng=rng)
    truth, inside = ccc_of(big[0].sum(axis=0)), 0
    for _ in range(30):
        added, _, _ = scene(1, 30, 10, noise=0.3, rng=rng)
        found = interval(float(ccc_of(added[0].sum(axis=0))), bootstrap(added))
        inside += found.low <= truth <= found.high
    # 28.5 of 30 expected; percentile intervals of 30 identities are a little short
    assert 24 <= inside <= 30
