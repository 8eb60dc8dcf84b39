import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elimctl.loader.groups import PADDING, matching_groups, share, shares

identities = st.lists(st.integers(0, 5), max_size=40).map(lambda codes: np.array(codes, dtype=np.int64))
seeds = st.integers(0, 2**32 - 1)


def groups_of(identity, *, identities=3, min_samples=2, seed=0):
    rng = np.random.default_rng(seed)
    return matching_groups(identity, identities=identities, min_samples=min_samples, rng=rng)


@given(identities, st.integers(2, 6), st.integers(2, 5), seeds)
def test_each_group_holds_all_samples_of_one_identity_that_has_enough(identity, wanted, min_samples, seed):
    groups = groups_of(identity, identities=wanted, min_samples=min_samples, seed=seed)
    _, counts = np.unique(identity, return_counts=True)
    enough = int((counts >= min_samples).sum())
    assert len(groups) == (min(wanted, enough) if enough >= 2 else 0)
    found = []
    for row in groups:
        positions = row[row != PADDING]
        code = identity[positions[0]]
        np.testing.assert_array_equal(positions, np.flatnonzero(identity == code))
        assert (row[len(positions) :] == PADDING).all()
        assert len(positions) >= min_samples
        found.append(int(code))
    assert len(set(found)) == len(found)


def test_no_column_is_all_padding():
    groups = groups_of(np.repeat([0, 1, 2], [4, 2, 3]))
    assert groups.shape == (3, 4)


def test_fewer_than_two_identities_give_an_empty_array():
    for identity in (np.array([], dtype=np.int64), np.array([1, 1, 1]), np.array([1, 1, 2])):
        groups = groups_of(identity)
        assert groups.shape == (0, 0)
        assert groups.dtype == np.int64


@given(identities, seeds)
def test_the_draw_is_a_function_of_the_generator(identity, seed):
    np.testing.assert_array_equal(groups_of(identity, seed=seed), groups_of(identity, seed=seed))


def test_every_identity_is_drawn_equally_often():
    identity = np.repeat(np.arange(4), 2)
    draws = [identity[groups_of(identity, identities=2, seed=seed)[:, 0]] for seed in range(400)]
    drawn = np.bincount(np.concatenate(draws), minlength=4)
    # fixed seeds; 200 are expected, with a standard deviation of 10
    assert (abs(drawn - 200) < 40).all()


def test_identities_come_in_the_order_of_their_codes_whatever_was_drawn():
    identity = np.repeat([7, 3, 9, 1, 4], 2)
    for seed in range(20):
        codes = identity[groups_of(identity, identities=3, seed=seed)[:, 0]]
        assert (np.diff(codes) > 0).all()


@given(st.integers(0, 200), st.integers(1, 20))
def test_shares_are_those_of_numpy(count, ranks):
    things = np.arange(count)
    for rank, wanted in enumerate(np.array_split(things, ranks)):
        np.testing.assert_array_equal(things[share(count, rank, ranks)], wanted)


def test_units_stay_together_where_there_are_enough_of_them():
    assert shares(20, 2, unit=4) == (12, 8)
    assert shares(20, 5, unit=4) == (4,) * 5
    assert shares(20, 6, unit=4) == (4, 4, 3, 3, 3, 3)
    assert shares(7, 2) == (4, 3)
