import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr

from elimctl.losses import pcc

seeds = st.integers(0, 2**32 - 1)


def samples(seed, count=6):
    return torch.randn(2, count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seeds, st.integers(3, 20))
def test_it_agrees_with_scipy(seed, count):
    preds, target = samples(seed, count)
    wanted = 1 - sum(pearsonr(preds[:, axis], target[:, axis]).statistic for axis in (0, 1)) / 2
    assert abs(pcc(preds, target) - wanted) < 1e-12  # both are sums of up to 20 products in float64


@given(seeds, st.floats(0.1, 10), st.floats(-5, 5))
def test_scale_and_offset_of_the_predictions_do_not_matter(seed, scale, offset):
    preds, target = samples(seed)
    torch.testing.assert_close(pcc(preds * scale + offset, target), pcc(preds, target), rtol=0, atol=1e-11)


def test_opposite_predictions_have_the_largest_loss():
    preds, _ = samples(0)
    torch.testing.assert_close(pcc(-preds, preds), torch.tensor(2.0, dtype=torch.float64))


def test_constant_predictions_have_loss_one():
    _, target = samples(0)
    assert pcc(torch.full_like(target, 0.5), target) == 1
