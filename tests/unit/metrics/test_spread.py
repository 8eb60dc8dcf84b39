import numpy as np
import pytest

from elimctl.metrics.spread import CELL, cells, spread


def by_hand(values, target, identity):
    """The definition, cell by cell and identity by identity."""
    cells = {}
    for value, label, who in zip(values, target, identity, strict=True):
        cell = tuple(min(int((axis + 1) / CELL + 1e-6), 9) for axis in label)
        cells.setdefault(cell, {}).setdefault(who, []).append(value)
    shared = [cell for cell in cells.values() if len(cell) > 1]
    variances = [np.var([np.mean(own, axis=0) for own in cell.values()], axis=0, ddof=1) for cell in shared]
    counts = [sum(map(len, cell.values())) for cell in shared]
    return np.sqrt(np.average(variances, axis=0, weights=counts)), sum(counts), len(shared)


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    identity = rng.integers(0, 12, 400)
    target = rng.uniform(-1, 1, (400, 2)).round(1)
    return rng, identity, target


def test_the_spread_is_as_it_is_defined(samples):
    rng, identity, target = samples
    preds = target + rng.normal(0, 0.3, (12, 2))[identity] + rng.normal(0, 0.1, target.shape)
    found = spread(preds, target, identity)
    wanted, count, cells = by_hand(preds, target, identity)
    assert [found.between.valence, found.between.arousal] == pytest.approx(wanted.tolist(), rel=1e-12)
    assert found.between.mean == pytest.approx(wanted.mean())
    of_labels, _, _ = by_hand(target, target, identity)
    assert [found.of_labels.valence, found.of_labels.arousal] == pytest.approx(of_labels.tolist(), rel=1e-12)
    assert (found.samples, found.cells) == (count, cells)


def test_perfect_predictions_spread_as_labels_do(samples):
    _, identity, target = samples
    found = spread(target, target, identity)
    assert found.between == found.of_labels


def test_what_identities_are_given_beside_their_labels_is_found(samples):
    rng, identity, target = samples
    offset = rng.normal(0, 0.5, (12, 2))
    found = spread(0.0 * target + offset[identity], target, identity)
    # of 12 offsets; each cell has some of them
    assert found.between.valence == pytest.approx(offset[:, 0].std(ddof=1), rel=0.15)
    assert found.within.mean == pytest.approx(0, abs=1e-12)


def test_what_does_not_depend_on_the_identity_lies_within_it():
    rng = np.random.default_rng(0)
    identity, target = np.repeat(np.arange(10), 200), np.zeros((2000, 2))
    found = spread(rng.normal(0, 0.4, (2000, 2)), target, identity)
    assert found.within.valence == pytest.approx(0.4, rel=0.05)  # 2,000 samples: 1.6 %
    assert found.between.valence == pytest.approx(0.4 / np.sqrt(200), rel=0.6)  # of 10 means
    assert found.of_labels.mean == 0


@pytest.mark.parametrize("step", range(10))
def test_labels_on_the_edge_of_a_cell_are_all_on_one_side(step):
    low = -1 + CELL * step
    for value in (low, np.float32(low), np.round(low, 1), low + 0.1):
        labels = np.array([[low, 0.0], [value, 0.0]])
        assert spread(labels, labels, np.array([0, 1])).cells == 1
    beside = np.array([[low, 0.0], [low - 0.01, 0.0]])
    assert spread(beside, beside, np.array([0, 1])) is None or step == 0


def test_where_no_two_identities_have_equal_labels_there_is_none():
    target = np.array([[-1.0, -1.0], [-1.0, -1.0], [1.0, 1.0]])
    assert spread(target, target, np.array([0, 0, 1])) is None


def test_identities_with_a_sample_each_have_no_spread_within():
    target = np.zeros((3, 2))
    found = spread(np.eye(3)[:, :2], target, np.arange(3))
    assert found.within is None
    assert found.identities == 3


STEPS = np.arange(-10, 11)  # labels as AFEW-VA ships them, a tenth of which is the label


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("bins", [4, 10, 20])
def test_every_tenth_is_in_the_cell_above_it(kind, bins):
    wanted = np.minimum((STEPS + 10) * bins // 20, bins - 1)  # in whole numbers, which do not round
    label = (STEPS / 10).astype(kind)
    found = cells(np.stack([label, label[::-1]], axis=1), bins=bins)
    np.testing.assert_array_equal(found, np.stack([wanted, wanted[::-1]], axis=1))


def test_what_is_just_below_an_edge_is_below_it():
    assert cells(np.array([[-0.20001, 0.19999]]), bins=10).tolist() == [[3, 5]]


def test_labels_at_and_beyond_the_ends_are_in_the_outermost_cells():
    assert cells(np.array([[1.0, -1.0], [1.7, -1.3]]), bins=3).tolist() == [[2, 0], [2, 0]]
