import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from elimctl.losses.ccc import ccc
from elimctl.losses.pcc import pcc

seeds = st.integers(0, 2**32 - 1)


def samples(seed, count=6):
    return torch.randn(2, count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seeds, st.integers(3, 20))
def test_it_is_the_distance_from_the_diagonal_over_that_without_correlation(seed, count):
    preds, target = samples(seed, count)
    # Lin's definition: 1 - E(x - y)^2 / (the same if x and y were uncorrelated)
    apart = ((preds - target) ** 2).mean(0)
    uncorrelated = np.var(preds.numpy(), axis=0) + np.var(target.numpy(), axis=0)
    uncorrelated += (preds.mean(0) - target.mean(0)).numpy() ** 2
    assert abs(ccc(preds, target) - (apart.numpy() / uncorrelated).mean()) < 1e-12  # sums of 20 in float64


@given(seeds)
def test_on_every_axis_concordance_is_never_above_the_size_of_correlation(seed):
    preds, target = samples(seed)
    for axis in (0, 1):
        one = (preds[:, [axis, axis]], target[:, [axis, axis]])
        assert abs(1 - ccc(*one)) <= abs(1 - pcc(*one)) + 1e-12


def test_an_offset_costs():
    _, target = samples(0)
    assert ccc(target + 0.5, target) > ccc(target + 0.1, target) > ccc(target, target) - 1e-12


def test_constant_predictions_have_loss_one():
    _, target = samples(0)
    assert ccc(torch.full_like(target, 0.5), target) == 1
