import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.errors import DataError
from elimctl.loader.sampler import (
    PURPOSES,
    class_balanced,
    generator,
    identity_balanced,
    members,
    shuffled,
    steps_per_epoch,
)

sizes = st.lists(st.integers(1, 30), min_size=4, max_size=12)


def groups_of(counts):
    return members(np.repeat(np.arange(len(counts)), counts))


@given(sizes, st.integers(1, 4), st.integers(0, 5), st.integers(0, 20), st.integers(0, 3))
def test_a_batch_holds_n_identities_with_the_same_share_each(counts, identities, epoch, step, seed):
    identity = np.repeat(np.arange(len(counts)), counts)
    drawn = identity_balanced(
        groups_of(counts), batch_size=17, identities=identities, seed=seed, epoch=epoch, step=step
    )
    present, share = np.unique(identity[drawn], return_counts=True)
    assert len(present) == identities
    assert set(share) == {17 // identities}


@given(sizes, st.integers(0, 20))
def test_frames_repeat_only_where_an_identity_has_too_few(counts, step):
    identity = np.repeat(np.arange(len(counts)), counts)
    drawn = identity_balanced(groups_of(counts), batch_size=16, identities=2, seed=0, epoch=0, step=step)
    for chosen in np.unique(identity[drawn]):
        if counts[chosen] >= 8:
            assert len(set(drawn[identity[drawn] == chosen])) == 8


def test_a_batch_is_a_pure_function_of_seed_epoch_and_step():
    groups = groups_of([9] * 20)

    def draw(seed, epoch, step):
        drawn = identity_balanced(groups, batch_size=20, identities=5, seed=seed, epoch=epoch, step=step)
        return drawn.tolist()

    assert draw(1, 2, 3) == draw(1, 2, 3)
    assert len({tuple(draw(*key)) for key in [(1, 2, 3), (0, 2, 3), (1, 0, 3), (1, 2, 0)]}) == 4


def test_every_identity_comes_up_once_in_a_round():
    identity = np.repeat(np.arange(12), 6)
    rounds = [
        identity_balanced(members(identity), batch_size=8, identities=4, seed=0, epoch=0, step=step)
        for step in range(3)
    ]
    assert sorted(np.unique(identity[np.concatenate(rounds)])) == list(range(12))


def test_the_rounds_of_an_epoch_deal_the_identities_differently():
    identity = np.repeat(np.arange(12), 6)

    def dealt(step):
        drawn = identity_balanced(members(identity), batch_size=8, identities=4, seed=0, epoch=0, step=step)
        return frozenset(identity[drawn].tolist())

    # who meets whom: of 5775 ways to part 12 identities into 3 batches, five rounds take five
    assert len({frozenset(dealt(step) for step in range(start, start + 3)) for start in range(0, 15, 3)}) == 5


def test_every_epoch_deals_the_identities_differently():
    identity = np.repeat(np.arange(12), 6)

    def dealt(epoch):
        drawn = identity_balanced(members(identity), batch_size=8, identities=4, seed=0, epoch=epoch, step=0)
        return frozenset(identity[drawn].tolist())

    assert len({dealt(epoch) for epoch in range(5)}) == 5  # of 495 sets of four


def test_other_frames_of_an_identity_are_drawn_in_every_step_epoch_and_run():
    identity = np.repeat(np.arange(2), 50)

    def frames(seed=0, epoch=0, step=0):
        # the two identities are in every batch, so what differs are their frames
        drawn = identity_balanced(
            members(identity), batch_size=20, identities=2, seed=seed, epoch=epoch, step=step
        )
        return frozenset(drawn.tolist())

    several = [frames(), frames(seed=1), frames(epoch=1), frames(epoch=2), frames(step=1), frames(step=2)]
    assert len(set(several)) == len(several)


def test_fewer_identities_than_n_says_both_numbers():
    with pytest.raises(DataError, match=r"3 identities .* 10 wanted") as caught:
        identity_balanced(groups_of([5] * 3), batch_size=20, identities=10, seed=0, epoch=0, step=0)
    assert "train.identities_per_batch=3" in caught.value.hint


def test_a_batch_with_less_than_two_samples_an_identity_is_refused():
    with pytest.raises(DataError, match="1 samples of each of 5 identities"):
        identity_balanced(groups_of([5] * 9), batch_size=9, identities=5, seed=0, epoch=0, step=0)


@given(
    st.lists(st.integers(2, 30), min_size=2, max_size=8),
    st.integers(0, 20),
    st.integers(0, 5),
    st.integers(0, 3),
)
def test_a_batch_holds_two_different_samples_of_every_class(counts, more, step, seed):
    classes = np.repeat(np.arange(len(counts)), counts)
    size = 2 * len(counts) + more
    drawn = class_balanced(members(classes), batch_size=size, seed=seed, epoch=0, step=step)
    assert len(drawn) == size
    for code in range(len(counts)):
        assert len(set(drawn[classes[drawn] == code])) >= 2


def test_rare_classes_come_up_as_often_as_common_ones_and_samples_of_a_class_equally_often():
    counts = np.array([100, 10, 4])
    classes = np.repeat(np.arange(3), counts)
    drawn = np.concatenate(
        [class_balanced(members(classes), batch_size=30, seed=0, epoch=0, step=step) for step in range(200)]
    )
    seen = np.bincount(classes[drawn])
    # 24 free draws in each of 200 batches: a standard deviation of 33 around 2000
    assert np.abs(seen - 2000).max() < 130
    of_the_rarest = np.bincount(drawn, minlength=114)[110:]
    # of some 2000 draws, 500 each: a standard deviation of 19
    assert np.abs(of_the_rarest - 500).max() < 80


def test_a_batch_of_classes_is_a_pure_function_of_seed_epoch_and_step():
    groups = groups_of([9] * 4)

    def draw(seed, epoch, step):
        return class_balanced(groups, batch_size=20, seed=seed, epoch=epoch, step=step).tolist()

    assert draw(1, 2, 3) == draw(1, 2, 3)
    assert len({tuple(draw(*key)) for key in [(1, 2, 3), (0, 2, 3), (1, 0, 3), (1, 2, 0)]}) == 4


@pytest.mark.parametrize("found", [0, 1])
def test_a_class_with_less_than_two_samples_is_refused_by_name(found):
    groups = [np.arange(5), np.arange(found)]
    with pytest.raises(DataError, match=rf"class 1 has {found} samples"):
        class_balanced(groups, batch_size=8, seed=0, epoch=0, step=0)
    with pytest.raises(DataError, match=rf"class 'Fear' has {found} samples"):
        class_balanced(groups, batch_size=8, seed=0, epoch=0, step=0, names=("Joy", "Fear"))


def test_a_batch_with_less_than_two_samples_a_class_is_refused():
    with pytest.raises(DataError, match="a batch of 7 for 4 classes") as caught:
        class_balanced(groups_of([5] * 4), batch_size=7, seed=0, epoch=0, step=0)
    assert "--batch-size 8" in caught.value.hint


def test_the_samples_of_a_batch_of_classes_are_in_random_order():
    classes = np.repeat(np.arange(4), 9)
    places = [
        classes[class_balanced(members(classes), batch_size=8, seed=0, epoch=0, step=step)]
        for step in range(50)
    ]
    # in each place every class; a place that lacks one of four in 50 steps has a chance of 2e-6
    assert all(set(column) == {0, 1, 2, 3} for column in np.transpose(places).tolist())


def test_every_epoch_and_run_has_an_order_of_its_own():
    orders = [
        shuffled(50, batch_size=50, seed=seed, epoch=epoch, step=0).tolist()
        for seed, epoch in [(0, 0), (0, 1), (0, 2), (1, 0)]
    ]
    assert len(set(map(tuple, orders))) == 4


@given(st.integers(1, 200), st.integers(1, 60), st.integers(0, 3))
def test_a_shuffled_epoch_shows_no_sample_twice(count, batch_size, epoch):
    steps = steps_per_epoch(count, batch_size)
    seen = np.concatenate(
        [shuffled(count, batch_size=batch_size, seed=0, epoch=epoch, step=step) for step in range(steps)]
    )
    assert len(set(seen)) == len(seen) == min(count, steps * batch_size)


def test_a_batch_cannot_change_the_order_that_other_steps_take_theirs_from():
    drawn = shuffled(20, batch_size=10, seed=0, epoch=0, step=0)
    with pytest.raises(ValueError, match="read-only"):
        drawn[0] = 0


def test_members_follow_the_sorted_identities():
    found = members(np.array([2, 0, 2, 1, 0]))
    assert [group.tolist() for group in found] == [[1, 4], [3], [0, 2]]


def test_streams_of_different_purposes_never_coincide():
    first = {
        tuple(generator(purpose, seed, epoch, step).integers(2**62, size=2))
        for purpose in PURPOSES
        for seed in range(3)
        for epoch in range(3)
        for step in range(3)
    }
    assert len(first) == len(PURPOSES) * 27
