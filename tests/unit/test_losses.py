import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elimctl.losses import ccc, mse, pcc, population, rmse

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


def test_the_errors_of_both_axes_are_added_up():
    preds = torch.tensor([[0.3, 0.0], [-0.3, 0.4], [0.3, 0.0], [0.3, 0.0]])
    assert rmse(preds, torch.zeros(4, 2)).item() == pytest.approx(0.3 + 0.2)


ALL = json.loads((Path(__file__).parents[1] / "vectors.json").read_text(encoding="utf-8"))
VECTORS = ALL["projector_and_losses_case_A"]
# the vectors have ten significant digits; float32 has seven
RTOL = {torch.float64: 1e-9, torch.float32: 1e-5}


@pytest.fixture(params=RTOL, ids=str)
def dtype(request):
    return request.param


@pytest.fixture
def plain(dtype):
    """Predictions of the raw features, and labels."""
    return tensor("Y_hat_plain", dtype), tensor("Y", dtype)


def tensor(name, dtype):
    return torch.tensor(VECTORS[name], dtype=dtype)


def agree(found, wanted):
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=found.dtype), rtol=RTOL[found.dtype], atol=0)


def test_squared_error_of_shift_free_features(dtype):
    found = mse(tensor("Y_hat_normalized", dtype), tensor("Y", dtype))
    agree(found, VECTORS["L_main_mean_over_all_entries"])
    agree(2 * found, VECTORS["L_main_sum_over_axes_mean_over_samples"])


def test_squared_errors_of_both_axes_added(plain):
    agree(2 * mse(*plain), VECTORS["L_va"])


def test_correlation_losses(plain):
    agree(pcc(*plain), VECTORS["population"]["L_PCC"])
    agree(ccc(*plain), VECTORS["population"]["L_CCC"])


def test_coefficients_per_axis(plain):
    moments = population(*plain)
    spread = (moments.preds_variance * moments.target_variance).sqrt()
    agree(moments.covariance / spread, VECTORS["population"]["pcc"])
    scale = moments.preds_variance + moments.target_variance + moments.bias.square()
    agree(2 * moments.covariance / scale, VECTORS["population"]["ccc"])
