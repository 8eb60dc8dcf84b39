import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elimctl.transport.weights import normalise, relevance

seeds = st.integers(0, 2**32 - 1)
NORMS = ("count", "unit", "l2")


def random(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def everyone(values):
    return torch.ones(values.shape[:2]).bool()


def raw(source, target):
    return relevance(source @ target.mT, everyone(source), everyone(target))


@given(seeds, st.integers(1, 4), st.integers(1, 4))
def test_a_sample_weighs_what_it_has_in_common_with_the_other_sides_mean(seed, n, m):
    source, target = random(seed, 2, n, 3), random(seed + 1, 2, m, 3)
    a, b = raw(source, target)
    for problem in range(2):
        wanted_a = source[problem] @ target[problem].mean(dim=0)
        wanted_b = target[problem] @ source[problem].mean(dim=0)
        # a mean of products against a product with a mean: sums of at most twelve terms
        torch.testing.assert_close(a[problem], wanted_a.clamp_min(0), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(b[problem], wanted_b.clamp_min(0), rtol=1e-12, atol=1e-14)


@given(seeds, st.integers(0, 4), st.floats(0.01, 100))
def test_scaling_a_target_sample_scales_its_weight_alone(seed, chosen, scale):
    source, target = random(seed, 1, 4, 3), random(seed + 1, 1, 5, 3)
    scaled = target.clone()
    scaled[0, chosen] *= scale
    before = raw(source, target)[1]
    before[0, chosen] *= scale
    torch.testing.assert_close(raw(source, scaled)[1], before)


def test_padding_changes_nothing_and_weighs_nothing():
    source, target = random(0, 1, 4, 3), random(1, 1, 5, 3)
    padded = torch.nn.functional.pad(target, (0, 0, 0, 2))
    mask = torch.tensor([[True] * 5 + [False] * 2])
    a, b = raw(source, target)
    padded_a, padded_b = relevance(source @ padded.mT, everyone(source), mask)
    torch.testing.assert_close(padded_a, a)
    torch.testing.assert_close(padded_b[:, :5], b)
    assert (padded_b[:, 5:] == 0).all()


def test_negative_agreement_is_clipped():
    a, b = raw(torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]]), torch.tensor([[[2.0, 0.0]]]))
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
