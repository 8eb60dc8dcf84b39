import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elimctl.transport.cost import cosine
from elimctl.transport.shift import average, identity_shift, remove_shift, share
from elimctl.transport.sinkhorn import sinkhorn
from elimctl.transport.weights import normalise, relevance

seeds = st.integers(0, 2**32 - 1)


def random(seed, *shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def everyone(features):
    return torch.ones(features.shape[:2]).bool()


def shifts(source, target, weights=relevance):
    products = source @ target.mT
    a, b = weights(products, everyone(source), everyone(target))
    M = cosine(products, source.norm(dim=-1), target.norm(dim=-1))
    a, b = normalise(a, everyone(source), norm="count"), normalise(b, everyone(target), norm="count")
    return identity_shift(M, sinkhorn(a, b, M, reg=0.2, n_iter=5))


def uniform(products, source_mask, target_mask):
    return source_mask.to(products.dtype), target_mask.to(products.dtype)


@settings(max_examples=25)
@given(seeds)
def test_the_order_of_the_reference_does_not_matter_and_that_of_targets_is_kept(seed):
    source, target = random(seed, 1, 5, 4), random(seed + 1, 1, 6, 4)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    shift = shifts(source, target)
    torch.testing.assert_close(shifts(source.flip(1), target), shift, rtol=1e-12, atol=0)
    torch.testing.assert_close(shifts(source, target[:, order]), shift[:, order], rtol=1e-12, atol=0)


@settings(max_examples=25)
@given(seeds, st.floats(0.01, 2))
def test_under_a_constant_cost_the_shift_is_cost_times_weight(seed, cost):
    a, b = random(seed, 1, 3) + 0.1, random(seed + 1, 1, 4) + 0.1
    M = torch.full((1, 3, 4), cost, dtype=torch.float64)
    shift = identity_shift(M, sinkhorn(a, b, M, reg=0.2, n_iter=5))
    torch.testing.assert_close(shift, cost * b, rtol=1e-12, atol=0)


@settings(max_examples=25)
@given(seeds, st.floats(2, 10))
def test_scaling_a_target_changes_its_shift_only_through_its_weight(seed, scale):
    source, target = random(seed, 1, 4, 3) + 0.1, random(seed + 1, 1, 5, 3) + 0.1
    scaled = target.clone()
    scaled[0, 0] *= scale
    torch.testing.assert_close(shifts(source, scaled, uniform), shifts(source, target, uniform))
    assert shifts(source, scaled)[0, 0] > shifts(source, target)[0, 0]


@settings(max_examples=25)
@given(seeds, st.floats(0.1, 100))
def test_scaling_features_and_shift_together_changes_nothing(seed, scale):
    features, shift = random(seed, 2, 4, 6), random(seed + 1, 2, 4)
    # 1e-6 is added to spreads of about 0.3 x 0.1 at the smallest scale
    torch.testing.assert_close(
        remove_shift(features * scale, shift * scale), remove_shift(features, shift), rtol=1e-3, atol=1e-3
    )


@settings(max_examples=25)
@given(seeds)
def test_shift_free_features_have_unit_root_mean_square(seed):
    shift_free = remove_shift(random(seed, 2, 4, 6), random(seed + 1, 2, 4))
    rms = shift_free.square().mean(dim=2).sqrt()
    # sigma / (sigma + 1e-6), sigma about 0.3
    torch.testing.assert_close(rms, torch.ones_like(rms), rtol=1e-4, atol=0)


def test_the_gradient_of_shift_free_features_agrees_with_finite_differences():
    features, shift = random(0, 1, 3, 4).requires_grad_(), random(1, 1, 3).requires_grad_()
    assert torch.autograd.gradcheck(remove_shift, (features, shift))


def test_a_sample_that_equals_its_shift_has_a_finite_gradient():
    features = torch.zeros(1, 2, 4, requires_grad=True)
    remove_shift(features, torch.zeros(1, 2)).sum().backward()
    assert features.grad.isfinite().all()


def test_shifts_can_be_shared_within_a_problem():
    shift = torch.tensor([[1.0, 2.0, 0.0], [3.0, 4.0, 8.0]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    assert share(shift, mask, among="per_sample").tolist() == shift.tolist()
    assert share(shift, mask, among="first").tolist() == [[1, 1, 1], [3, 3, 3]]
    assert share(shift, mask, among="mean").tolist() == [[1.5, 1.5, 1.5], [5, 5, 5]]


# two references, two targets of two samples; the transports cost 1, 3 and 2, 2
FROM_TWO = torch.tensor([[[1.0, 0.0], [2.0, 0.0]], [[1.0, 2.0], [0.0, 2.0]]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("by", "wanted"),
    [
        ("cost", [[1.0, 1.5], [1.0, 1.0]]),
        ("inverse_cost", [[1.0, 0.5], [1.0, 1.0]]),
        ("equal", [[1.0, 1.0], [1.0, 1.0]]),
    ],
)
def test_shifts_from_several_references_are_averaged_by_what_their_transports_cost(by, wanted):
    found = average(FROM_TWO, torch.ones(2, 2).bool(), by=by)
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64))


@pytest.mark.parametrize("by", ["cost", "inverse_cost", "equal"])
def test_an_identity_is_no_reference_of_its_own(by):
    found = average(FROM_TWO, ~torch.eye(2).bool(), by=by)
    torch.testing.assert_close(found, torch.stack([FROM_TWO[1, 0], FROM_TWO[0, 1]]))


@pytest.mark.parametrize("by", ["cost", "inverse_cost", "equal"])
def test_transports_that_cost_nothing_are_averaged_too(by):
    shift = torch.zeros(3, 2, 4, requires_grad=True)
    found = average(shift, torch.ones(3, 2).bool(), by=by)
    found.sum().backward()
    assert (found == 0).all()
    assert shift.grad.isfinite().all()


def test_the_spread_can_be_left_in():
    features, shift = random(0, 2, 4, 6), random(1, 2, 4)
    torch.testing.assert_close(
        remove_shift(features, shift, divide_spread=False), features - shift[..., None]
    )
