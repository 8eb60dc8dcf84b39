import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from elimctl.errors import DataError
from elimctl.manifest.grouping import Groups
from elimctl.metrics import invariance
from elimctl.metrics.invariance import measure, measure_table, neighbours, probe_accuracy
from elimctl.predict.table import read


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
    found = neighbours(features, target, identity, clip)
    assert found.confused == pytest.approx(found.confused_chance, abs=0.05)


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


def test_the_neighbours_are_those_of_scikit_learn(samples, monkeypatch):
    monkeypatch.setattr(invariance, "BLOCK", 32)  # more than one block
    rng, identity, clip, target = samples
    z = rng.normal(size=(240, 5)) + rng.normal(size=(10, 5))[identity]
    same, confused = [], []
    for place in range(240):
        others = np.flatnonzero(clip != clip[place])
        near = NearestNeighbors(n_neighbors=10).fit(z[others]).kneighbors(z[[place]])[1][0]
        alike = identity[others[near]] == identity[place]
        far = np.linalg.norm(target[others[near]] - target[place], axis=1) > 0.5
        same.append(alike.mean())
        confused.append((alike & far).mean())
    found = neighbours(z, target, identity, clip)
    assert found.same == pytest.approx(np.mean(same))
    assert found.confused == pytest.approx(np.mean(confused))
    assert found.same_chance == pytest.approx(18 / 234)  # 3 other clips of 39, of 6 frames each


def table_of(save, features=None, **options):
    """Saved predictions, and a function that gives features of manifest rows: the identity alone."""
    table = read(save(**options))
    z = np.eye(len(table.identities))[table.identities.code] if features is None else features(table)

    def rows(asked):
        return z[np.searchsorted(table.row, asked)].astype(np.float32)

    return table, rows


def test_a_run_is_measured_across_its_clips(save):
    table, rows = table_of(save, identities=6)
    found = measure_table(rows, table)
    assert (found.across, found.samples, found.identities) == ("clips", 60, 6)
    assert (found.features.probe, found.features.probe_chance) == (1.0, pytest.approx(1 / 6))
    # 5 frames of the identity's other clip are nearest, 5 of others follow
    assert found.purity == pytest.approx(0.5)
    assert found.purity_chance == pytest.approx(5 / 55)
    assert found.spread.between.mean > found.spread.of_labels.mean
    json.dumps(asdict(found), allow_nan=False)


def test_the_chance_of_a_probe_is_the_share_of_the_most_frequent_identity(save):
    table, rows = table_of(save, identities=4)
    kept = np.flatnonzero((table.identities.code == 0) | (np.arange(40) % 5 < 2))
    fewer = replace(
        table,
        **{name: getattr(table, name)[kept] for name in ("row", "frame", "target", "preds")},
        identities=Groups(table.identities.code[kept], table.identities.names),
        clips=Groups(table.clips.code[kept], table.clips.names),
    )
    assert measure_table(rows, fewer).features.probe_chance == pytest.approx(10 / 22)


def test_identities_of_one_clip_each_are_measured_across_its_halves(save):
    table, rows = table_of(save, identities=6)
    found = measure_table(rows, replace(table, clips=table.identities))
    assert found.across == "halves of clips"
    assert found.features.probe == 1
    assert found.identities == 6


def test_identities_that_cannot_be_told_from_their_clip_are_left_out(save):
    table, rows = table_of(save, identities=6)
    lone = np.where(table.identities.code < 2, 2 * table.identities.code, table.clips.code)
    found = measure_table(rows, replace(table, clips=Groups(lone, table.clips.names)))
    assert (found.identities, found.samples, found.across) == (4, 40, "clips")


def test_single_images_of_people_tell_nothing(save):
    table, rows = table_of(save, identities=6)
    images = np.arange(len(table))
    names = tuple(map(str, images))
    alone = replace(table, clips=Groups(images, names), identities=Groups(images, names))
    with pytest.raises(
        DataError, match="two clips, or two frames of one, in split 'val': 0 of 60, at least 2"
    ):
        measure_table(rows, alone)


def test_of_many_samples_some_are_measured_the_same_ones_each_time(save, monkeypatch):
    monkeypatch.setattr(invariance, "MOST", 60)
    table, rows = table_of(save, identities=12)
    found = measure_table(rows, table)
    assert found.samples <= 60
    assert measure_table(rows, table) == found
    assert measure_table(rows, table, seed=1) != found


def test_of_classes_neighbours_of_another_class_are_confused_and_there_is_no_spread(save_classes):
    table = read(save_classes(identities=6))

    def rows(asked):
        return np.eye(6)[table.identities.code[np.searchsorted(table.row, asked)]].astype(np.float32)

    found = measure_table(rows, table)
    assert found.spread is None
    # of 5 frames of the other clip, among 10 neighbours, two thirds have another of three classes
    assert found.features.neighbours == pytest.approx(0.5 * 2 / 3, abs=0.08)
