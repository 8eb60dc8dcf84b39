import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.tsne import embed, tsne


@pytest.fixture
def features(drawn):
    rng = np.random.default_rng(1)
    return np.hstack([3 * drawn.target, rng.normal(0, 0.1, (120, 6))]).astype(np.float32)


def test_the_same_seed_gives_the_same_places_and_neighbours_stay_together(drawn, features):
    first, second = embed(features, seed=3), embed(features, seed=3)
    np.testing.assert_array_equal(first, second)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    nearest = np.linalg.norm(unit[:, None] - unit, axis=2).argsort(axis=1)[:, 1]
    # t-SNE keeps most nearest neighbours among the five nearest; places drawn at random keep 4 %
    close = np.linalg.norm(first[:, None] - first, axis=2).argsort(axis=1)[:, 1:6]
    assert (close == nearest[:, None]).any(axis=1).mean() > 0.6


def test_a_map_is_as_high_as_it_is_wide_whatever_the_features_are(drawn):
    rng = np.random.default_rng(2)
    line = np.hstack([rng.uniform(1, 5, (200, 1)), rng.normal(0, 0.01, (200, 3))])  # nearly one dimension
    np.testing.assert_allclose(embed(line, seed=0).std(axis=0), 1, rtol=1e-9)
    found = tsne(embed(line, seed=0), np.zeros((200, 2)), np.arange(200) % 4)
    assert [axes.get_box_aspect() for axes in found.figure.axes[:2]] == [1, 1]


def test_points_carry_their_labels_and_pairs_are_linked(drawn, features):
    places = embed(features, seed=0)
    found = tsne(places, drawn.target, drawn.identity, linked=3)
    valence, arousal, scale = found.figure.axes
    np.testing.assert_allclose(valence.collections[0].get_array(), drawn.target[:, 0])
    np.testing.assert_allclose(arousal.collections[0].get_array(), drawn.target[:, 1])
    assert len(valence.lines) == len(arousal.lines) == 6
    assert scale.get_ylabel() == "label"
    assert [text.get_text() for text in found.figure.legends[0].get_texts()] == [
        "same identity, other expression",
        "same expression, other identity",
    ]
    assert "120 samples of 6 identities" in found.alt


def test_one_identity_with_one_label_is_drawn_without_links(features):
    places = embed(features, seed=0)
    found = tsne(places, np.zeros((120, 2)), np.zeros(120, int))
    assert not found.figure.legends
    assert "No pair to link" in found.figure._supxlabel.get_text()


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (np.zeros((4, 3)), "features of 4 samples"),
        (np.ones((30, 3)), "all the same"),
        (np.full((30, 3), np.nan), "30 of 30 features"),
        (np.zeros((0, 3)), "no features"),
    ],
)
def test_features_that_say_nothing_are_refused(features, said):
    with pytest.raises(DataError, match=said):
        embed(features, seed=0)


def test_a_few_samples_have_a_smaller_neighbourhood():
    assert embed(np.random.default_rng(0).normal(0, 1, (5, 3)), seed=0).shape == (5, 2)
