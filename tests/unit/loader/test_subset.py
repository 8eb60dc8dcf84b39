import itertools

import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.loader import subset
from elimctl.loader.batches import Samples


def samples(classes=True):
    rng = np.random.default_rng(0)
    return Samples(
        index=np.arange(100, 160),
        target=rng.random((60, 2), np.float32),
        identity=np.repeat(np.arange(6), 10),
        names=tuple("abcdef"),
        classes=np.tile(np.arange(3), 20) if classes else None,
        class_names=("x", "y", "z") if classes else (),
        age=np.arange(60, dtype=np.float32),
    )


@pytest.mark.parametrize("count", [1, 3, 6])
def test_identities_are_kept_whole(count):
    found = subset.identities(samples(), count, seed=1)
    assert len(found) == 10 * count
    assert len(found.names) == count
    for row, code, label, age in zip(found.index, found.identity, found.classes, found.age, strict=True):
        whole = samples()
        place = row - 100
        assert whole.names[whole.identity[place]] == found.names[code]
        assert (whole.classes[place], whole.age[place]) == (label, age)


def test_more_identities_include_those_of_fewer():
    chosen = [set(subset.identities(samples(), count, seed=2).names) for count in range(1, 7)]
    assert all(fewer < more for fewer, more in itertools.pairwise(chosen))
    others = {subset.identities(samples(), 1, seed=seed).names for seed in range(20)}
    assert len(others) > 1


def test_more_identities_than_there_are_is_refused():
    with pytest.raises(DataError, match=r"train.max_identities = 7, and the training split has 6"):
        subset.identities(samples(), 7, seed=0)


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_as_many_labels_are_flipped_as_were_asked_for_and_each_to_another(share):
    found = subset.flipped(samples(), share, seed=3)
    changed = found.classes != samples().classes
    assert changed.sum() == round(60 * share)
    assert set(found.classes) <= {0, 1, 2}
    np.testing.assert_array_equal(found.classes, subset.flipped(samples(), share, seed=3).classes)


def test_flips_depend_on_the_seed():
    first, second = (subset.flipped(samples(), 0.5, seed=seed).classes for seed in (0, 1))
    assert (first != second).any()
