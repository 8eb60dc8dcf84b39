"""What every loss promises, whoever wrote it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elimctl import losses


@pytest.fixture(params=["ccc", "mse", "pcc", "rmse"], scope="module")
def loss(request):
    return getattr(losses, request.param)


def samples(seed, count=7, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return tuple(2 * torch.rand(count, 2, generator=generator, dtype=dtype) - 1 for _ in range(2))


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 9))
def test_it_is_one_finite_number_that_is_not_negative(loss, seed, count):
    value = loss(*samples(seed, count))
    assert value.shape == ()
    assert value.isfinite()
    assert value >= -1e-12  # 1 - 1 in floating point


@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_samples_does_not_matter(loss, seed):
    preds, target = samples(seed)
    torch.testing.assert_close(loss(preds.flip(0), target.flip(0)), loss(preds, target))


def test_identical_predictions_and_labels_have_no_loss(loss):
    _, target = samples(0)
    assert abs(loss(target, target)) < 1e-12  # rounding of a mean


def test_both_axes_count_the_same(loss):
    preds, target = samples(0)
    torch.testing.assert_close(loss(preds.flip(1), target.flip(1)), loss(preds, target))


def test_its_gradient_agrees_with_finite_differences(loss):
    preds, target = samples(0)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), preds.requires_grad_())


@pytest.mark.parametrize("constant", ["preds", "target", "both"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_predictions_or_labels_give_a_finite_gradient(loss, constant, dtype):
    preds, target = samples(0, dtype=dtype)
    preds = torch.full_like(preds, 0.25) if constant in ("preds", "both") else preds
    target = torch.full_like(target, 0.25) if constant in ("target", "both") else target
    loss(preds.requires_grad_(), target).backward()
    assert preds.grad.isfinite().all()


def test_it_is_computed_in_float32_under_autocast(loss):
    preds, target = (tensor.bfloat16() for tensor in samples(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(preds, target)
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(preds.float(), target.float()))
