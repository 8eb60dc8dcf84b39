import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.manifest import near, phash


def gathered(found):
    pairs = [(int(i), int(j)) for first, second, _ in found for i, j in zip(first, second, strict=True)]
    assert len(pairs) == len({frozenset(pair) for pair in pairs}), "a pair comes once"
    return {frozenset(pair) for pair in pairs}


def flipped(rng, hashes, bits):
    """Copies of hashes with some bits flipped."""
    plain = np.unpackbits(hashes.view(np.uint8), axis=1)
    for row in plain:
        row[rng.choice(256, bits, replace=False)] ^= 1
    return np.packbits(plain, axis=1).view("<u8")


def random_hashes(rng, count):
    return rng.integers(0, 2**64, (count, 4), dtype=np.uint64)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_pairs_within_the_guaranteed_distance_are_those_of_brute_force(seed, parts):
    """Of up to 15 flipped bits one of 16 bands is whole."""
    rng = np.random.default_rng(seed)
    originals = random_hashes(rng, 12)
    hashes = np.concatenate([originals, flipped(rng, originals, 7), flipped(rng, originals[:5], 8)])
    part = rng.integers(0, parts, len(hashes))
    wanted = {
        frozenset((i, j))
        for i in range(len(hashes))
        for j in range(i)
        if part[i] != part[j] and phash.distance(hashes[i], hashes[j]) <= 15
    }
    assert gathered(near.near_hashes(hashes, part, bits=15)) == wanted


def test_likeness_is_the_number_of_bits():
    rng = np.random.default_rng(0)
    original = random_hashes(rng, 1)
    [pairs] = near.near_hashes(np.concatenate([original, flipped(rng, original, 9)]), np.array([0, 1]))
    assert pairs.likeness.tolist() == [9]


def test_equal_hashes_of_one_part_are_no_pair_and_cost_nothing(monkeypatch):
    """A still clip has thousands of equal frames; comparing them would take minutes."""
    compared = []
    original = phash.distance
    monkeypatch.setattr(phash, "distance", lambda a, b: compared.append(len(a)) or original(a, b))
    hashes = np.zeros((5000, 4), np.uint64)
    assert list(near.near_hashes(hashes, np.zeros(5000, int))) == []
    assert sum(compared) == 0


def test_a_limit_on_the_pairs_at_once_does_not_show(monkeypatch):
    rng = np.random.default_rng(1)
    hashes = np.repeat(random_hashes(rng, 3), 20, axis=0)
    part = rng.integers(0, 3, 60)
    whole = gathered(near.near_hashes(hashes, part))
    monkeypatch.setattr(near, "PAIRS", 10)
    assert gathered(near.near_hashes(hashes, part)) == whole
    assert len(whole) > 300


def test_nothing_is_near_nothing():
    assert list(near.near_hashes(np.empty((0, 4), np.uint64), np.empty(0, int))) == []
    assert list(near.similar_features(np.empty((0, 3), np.float32), np.empty(0, int), threshold=0)) == []


@given(st.integers(0, 2**32 - 1), st.sampled_from([(6, 5), (50, 50)]))
def test_similar_features_are_those_of_brute_force(seed, at_once):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((40, 3)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    part = rng.integers(0, 3, 40)
    cosine = features @ features.T
    wanted = {
        frozenset((i, j)) for i in range(40) for j in range(i) if part[i] != part[j] and cosine[i, j] >= 0.8
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near, "ROWS", at_once[0])
        patch.setattr(near, "COLUMNS", at_once[1])
        found = list(near.similar_features(features, part, threshold=0.8))
    assert gathered(found) == wanted
    assert sum(len(pairs.first) for pairs in found) == len(wanted)  # each pair once
    assert all((pairs.likeness >= 0.8).all() for pairs in found)
