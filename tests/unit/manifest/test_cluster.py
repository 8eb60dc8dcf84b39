import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.errors import DataError
from elimctl.manifest import cluster as module
from elimctl.manifest.cluster import cluster


def people(count, images, *, spread=0.5, seed=0, width=64):
    """Features of some people, several images each, and whose they are, in a random order."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((count, width))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    whose = rng.permutation(np.repeat(np.arange(count), images))
    noise = rng.standard_normal((len(whose), width)) / np.sqrt(width)
    return (centres[whose] + spread * noise).astype(np.float32), whose


def same_partition(a, b):
    return len({*zip(a.tolist(), b.tolist(), strict=True)}) == len({*a.tolist()}) == len({*b.tolist()})


def test_people_are_told_apart():
    features, whose = people(20, 6)
    found = cluster(features, threshold=0.4)
    assert same_partition(found.labels, whose)
    assert found.sizes.tolist() == [6] * 20
    assert found.threshold == 0.4


def test_the_result_is_scipys_average_linkage():
    """SciPy clusters all pairs at once; here only what is linked is clustered together."""
    from scipy.cluster.hierarchy import fcluster, linkage

    features, _ = people(12, 9, spread=1.1, seed=3)
    for threshold in (0.2, 0.35, 0.5, 0.7):
        wanted = fcluster(linkage(features, "average", "cosine"), 1 - threshold, "distance")
        assert same_partition(cluster(features, threshold=threshold).labels, wanted)


@given(st.integers(0, 2**32 - 1), st.floats(-0.9, 0.95))
def test_clusters_are_numbered_by_their_first_image_and_sizes_add_up(seed, threshold):
    features = np.random.default_rng(seed).standard_normal((15, 4))
    found = cluster(features, threshold=threshold)
    firsts = [np.flatnonzero(found.labels == label)[0] for label in range(len(found.sizes))]
    assert firsts == sorted(firsts)
    assert found.sizes.sum() == 15
    assert found.silhouette is None or -1 <= found.silhouette <= 1


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_the_images_and_the_length_of_features_do_not_count(seed):
    rng = np.random.default_rng(seed)
    features, _ = people(5, 4, spread=0.8, seed=seed % 1000)
    order = rng.permutation(len(features))
    scaled = features[order] * rng.uniform(0.1, 9, (len(order), 1))
    direct = cluster(features, threshold=0.4).labels
    assert same_partition(cluster(scaled, threshold=0.4).labels, direct[order])


def test_the_frames_of_a_clip_stay_together_and_noise_averages_out():
    features, whose = people(8, 40, spread=2.5, seed=1)
    clips = whose * 4 + np.arange(len(whose)) % 4  # each person in four clips
    codes = clips * 7 + 100  # any integers will do
    found = cluster(features, threshold=0.4, clips=codes)
    assert same_partition(found.labels, whose)
    assert len(cluster(features, threshold=0.4).sizes) > 8  # frame by frame they would be torn apart


def test_an_image_that_is_like_no_other_is_a_cluster_of_its_own():
    features, _ = people(3, 5)
    odd = np.full((1, 64), -1.0)
    found = cluster(np.concatenate([odd, features]), threshold=0.4)
    assert found.labels[0] == 0
    assert found.sizes[0] == 1


def test_two_different_faces_have_no_silhouette_and_one_alone_neither():
    assert cluster(np.eye(2), threshold=0.4).silhouette is None
    assert cluster(np.ones((1, 3)), threshold=0.4).silhouette is None
    assert cluster(np.ones((4, 3)), threshold=0.4).sizes.tolist() == [4]


def test_the_silhouette_is_scikit_learns_and_sampled_by_the_seed(monkeypatch):
    from sklearn.metrics import silhouette_score

    features, whose = people(10, 10)
    found = cluster(features, threshold=0.4)
    assert found.silhouette == pytest.approx(silhouette_score(features, whose, metric="cosine"), abs=1e-5)
    monkeypatch.setattr(module, "SILHOUETTE_ROWS", 50)
    one, same, other = (cluster(features, threshold=0.4, seed=seed).silhouette for seed in (0, 0, 1))
    assert one == same != other
    assert one == pytest.approx(found.silhouette, abs=0.1)


def test_people_of_more_images_than_are_clustered_at_once_stay_whole(monkeypatch):
    features, whose = people(6, 40, seed=5)
    monkeypatch.setattr(module, "EXACT", 15)
    assert same_partition(cluster(features, threshold=0.4).labels, whose)


def test_blocks_of_comparisons_do_not_show(monkeypatch):
    features, whose = people(20, 6, seed=2)
    monkeypatch.setattr(module, "ROWS", 7)
    monkeypatch.setattr(module, "COLUMNS", 11)
    assert same_partition(cluster(features, threshold=0.4).labels, whose)


@pytest.mark.parametrize(("features", "found"), [(np.zeros((2, 3)), "0 of 2"), (np.empty((0, 3)), "0 of 0")])
def test_features_without_a_direction_are_refused(features, found):
    with pytest.raises(DataError, match=f"{found} features are usable"):
        cluster(features, threshold=0.4)


def test_features_that_are_not_finite_are_refused():
    features = np.ones((3, 2))
    features[1, 0] = np.nan
    with pytest.raises(DataError, match="2 of 3 features are usable"):
        cluster(features, threshold=0.4)
