import numpy as np
import pytest

from elimctl.reproduce.invariance import confused_neighbours, measure, probe_accuracy


@pytest.fixture
def samples():
    """10 identities x 4 clips x 6 frames, labels over the whole plane."""
    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(10), 24)
    clip = np.array([f"{number:03d}" for number in np.repeat(np.arange(40), 6)])
    return rng, identity, clip, rng.uniform(-1, 1, (240, 2))


def test_features_of_the_identity_alone_are_found_out(samples):
    rng, identity, clip, target = samples
    features = np.eye(10)[identity] + rng.normal(0, 0.01, (240, 10))
    found = measure(features, target, identity, clip)
    assert found.probe == 1
    assert found.probe_chance == pytest.approx(0.1)
    # all 10 neighbours are of the identity's other clips, whatever they show
    assert found.neighbours == pytest.approx(10 * found.neighbours_chance * 234 / 18 / 10, rel=0.15)


def test_features_of_the_expression_alone_tell_nothing(samples):
    rng, identity, clip, target = samples
    found = measure(target + rng.normal(0, 0.01, target.shape), target, identity, clip)
    assert found.probe < 0.2  # chance is 0.1, of 240 samples
    assert found.neighbours < 0.005


def test_random_features_are_at_chance(samples):
    rng, identity, clip, target = samples
    found = measure(rng.normal(size=(240, 4)), target, identity, clip)
    assert found.probe == pytest.approx(0.1, abs=0.06)  # 3 standard errors
    assert found.neighbours == pytest.approx(found.neighbours_chance, abs=0.02)


def test_what_marks_a_clip_does_not_count(samples):
    rng, identity, clip, target = samples
    _, number = np.unique(clip, return_inverse=True)
    features = np.eye(40)[number] + rng.normal(0, 0.01, (240, 40))
    assert probe_accuracy(features, identity, clip) < 0.2
    share, chance = confused_neighbours(features, target, identity, clip)
    assert share == pytest.approx(chance, abs=0.05)


def test_the_scale_of_features_does_not_count(samples):
    rng, identity, clip, target = samples
    features = np.concatenate([np.eye(10)[identity], target], axis=1) + rng.normal(0, 0.1, (240, 12))
    scaled = features * np.geomspace(1e-3, 1e3, 12) + 5
    a, b = measure(features, target, identity, clip), measure(scaled, target, identity, clip)
    assert a.neighbours == pytest.approx(b.neighbours)
    assert a.probe == pytest.approx(b.probe)


def test_a_feature_that_never_varies_is_no_obstacle(samples):
    _, identity, clip, target = samples
    constant = np.concatenate([target, np.zeros((240, 1))], axis=1)
    assert np.isfinite(measure(constant, target, identity, clip).probe)
