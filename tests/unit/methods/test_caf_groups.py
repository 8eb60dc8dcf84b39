import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elimctl.methods.caf_groups import strong_and_weak


def grouped(target, threshold, *, seed=0, **changed):
    settings = {"quantile": 0.75, "bounds": (0.65, 0.3), "offset": 0.25, **changed}
    strong, weak = strong_and_weak(
        torch.as_tensor(target),
        threshold=threshold,
        generator=torch.Generator().manual_seed(seed),
        **settings,
    )
    return strong.tolist(), weak.tolist()


def valences(*values):
    return [[value, 0.0] for value in values]


labels = st.lists(st.tuples(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32)), min_size=2, max_size=40)


@pytest.mark.parametrize("threshold", ["quantile", "fixed", "reference"])
@given(target=labels, seed=st.integers(0, 2**32 - 1))
def test_groups_are_even_equally_large_and_apart(threshold, target, seed):
    strong, weak = grouped(target, threshold, seed=seed)
    assert len(strong) == len(weak)
    assert len(strong) % 2 == 0
    assert len({*strong, *weak}) == 2 * len(strong)
    intensity = torch.tensor(target).square().sum(dim=1)
    if strong:
        assert intensity[strong].min() >= intensity[weak].max()


def test_by_quantile_the_strongest_quarter_is_strong_and_every_other_sample_may_be_weak():
    target = torch.rand(40, 2, generator=torch.Generator().manual_seed(0))
    ranks = target.norm(dim=1).argsort(descending=True).tolist()
    seen = set()
    for seed in range(30):
        strong, weak = grouped(target, "quantile", seed=seed)
        assert set(strong) == set(ranks[:10])
        seen |= set(weak)
    assert seen == set(ranks[10:])


def test_the_quantile_is_a_setting():
    strong, weak = grouped(valences(*(place / 10 for place in range(8))), "quantile", quantile=0.5)
    assert set(strong) == {4, 5, 6, 7}
    assert set(weak) == {0, 1, 2, 3}


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_where_all_are_equally_intense_there_are_no_groups(value):
    assert grouped(valences(*[value] * 8), "quantile") == ([], [])


def test_by_bounds_what_lies_between_is_in_no_group():
    strong, weak = grouped(valences(0.9, 0.7, 0.0, -0.95, 0.5, -0.99, 0.1, 0.2), "fixed")
    assert len(strong) == 2
    assert set(strong) <= {0, 3, 5}
    assert set(weak) <= {2, 4, 6, 7}
    assert grouped(valences(0.9, 0.9, 0.7, 0.7), "fixed") == ([], [])


def test_the_reference_rule_takes_the_share_of_the_labels_up_to_midway():
    # valence: smallest at 0, largest at 4, so the sum of the first three, 0.4 of 2.79; arousal: smallest
    # at 0, largest at 1, so 0.19 of 1.4; strong above sqrt(0.143^2 + 0.136^2) + 0.25 = 0.448
    valence, arousal = [0.0, 0.2, 0.2, 0.6, 0.8, 0.2, 0.79], [0.19, 0.21, 0.2, 0.2, 0.2, 0.2, 0.2]
    assert grouped(list(zip(valence, arousal, strict=True)), "reference") == ([4, 6], [0, 1])


def test_the_reference_rule_falls_back_to_the_bounds_and_keeps_the_first():
    # labels that sum up to 0 have no share
    target = valences(0.9, -0.9, 0.1, 0.2, -0.3, 1.0, -1.0)
    assert grouped(target, "reference") == ([0, 1], [2, 3])
