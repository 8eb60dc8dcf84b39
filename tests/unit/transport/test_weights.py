import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elimctl.transport.weights import normalise, relevance, self_side

seeds = st.integers(0, 2**32 - 1)
NORMS = ("count", "unit", "l2")


def random(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def everyone(values):
    return torch.ones(values.shape[:2]).bool()


@given(seeds, st.integers(0, 4), st.floats(0.01, 100))
def test_scaling_a_target_sample_scales_its_weight_alone(seed, chosen, scale):
    source, target = random(seed, 1, 4, 3), random(seed + 1, 1, 5, 3)
    scaled = target.clone()
    scaled[0, chosen] *= scale
    for raw in (relevance, self_side):
        before = raw(source, target, everyone(source), everyone(target))[1]
        after = raw(source, scaled, everyone(source), everyone(target))[1]
        before[0, chosen] *= scale
        torch.testing.assert_close(after, before)


@pytest.mark.parametrize("raw", [relevance, self_side])
def test_padding_changes_nothing_and_weighs_nothing(raw):
    source, target = random(0, 1, 4, 3), random(1, 1, 5, 3)
    padded = torch.nn.functional.pad(target, (0, 0, 0, 2))
    mask = torch.tensor([[True] * 5 + [False] * 2])
    a, b = raw(source, target, everyone(source), everyone(target))
    padded_a, padded_b = raw(source, padded, everyone(source), mask)
    torch.testing.assert_close(padded_a, a)
    torch.testing.assert_close(padded_b[:, :5], b)
    assert (padded_b[:, 5:] == 0).all()


def test_negative_agreement_is_clipped():
    source = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]])
    target = torch.tensor([[[2.0, 0.0]]])
    a, b = relevance(source, target, everyone(source), everyone(target))
    assert a.tolist() == [[2.0, 0.0]]
    assert b.tolist() == [[0.0]]


@given(seeds, st.integers(1, 6))
def test_normalised_weights_have_the_mass_their_name_says(seed, real):
    mask = (torch.arange(6) < real).unsqueeze(0)
    weights = random(seed, 1, 6).abs() * mask
    count, unit, l2 = (normalise(weights, mask, norm=norm) for norm in NORMS)
    torch.testing.assert_close(count.sum(), torch.tensor(float(real), dtype=torch.float64))
    torch.testing.assert_close(unit.sum(), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(l2.square().sum(), torch.tensor(1.0, dtype=torch.float64))
    for scaled in (count, unit, l2):
        torch.testing.assert_close(scaled / scaled.sum(), weights / weights.sum())


@pytest.mark.parametrize("norm", NORMS)
def test_weights_that_are_all_zero_become_equal_and_only_in_their_problem(norm):
    mask = torch.tensor([[True, True, False], [True, True, True]])
    weights = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 2.0]], requires_grad=True)
    scaled = normalise(weights, mask, norm=norm)
    scaled.sum().backward()
    equal = {"count": 1.0, "unit": 0.5, "l2": 0.5**0.5}[norm]
    torch.testing.assert_close(scaled[0], torch.tensor([equal, equal, 0.0]))
    assert scaled[1, 1] == 0
    assert weights.grad.isfinite().all()
