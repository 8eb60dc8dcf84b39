"""The losses against vectors of an independent NumPy implementation."""

import json
from pathlib import Path

import pytest
import torch

from elimctl.losses.ccc import ccc
from elimctl.losses.moments import population
from elimctl.losses.mse import mse
from elimctl.losses.pcc import pcc

ALL = json.loads((Path(__file__).parents[2] / "vectors.json").read_text(encoding="utf-8"))
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
