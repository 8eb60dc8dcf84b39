import pytest
import torch
from torch import nn

from elimctl.errors import ConfigError
from elimctl.methods.regression import (
    RegressionConfig,
    batch_losses,
    batch_weights,
    feature_widths,
    with_total,
)


def test_l_va_is_the_sum_of_both_axes_errors():
    preds, target = torch.rand(5, 2), torch.rand(5, 2)
    wanted = sum(nn.functional.mse_loss(preds[:, axis], target[:, axis]) for axis in (0, 1))
    torch.testing.assert_close(batch_losses(preds, target)["va"], wanted)


def test_the_total_is_the_weighted_sum_and_comes_first():
    parts = {"va": torch.tensor(2.0), "pcc": torch.tensor(0.5), "ccc": torch.tensor(0.25)}
    losses = with_total(parts, batch_weights(RegressionConfig()))
    assert list(losses) == ["total", "va", "pcc", "ccc"]
    assert losses["total"] == 2 + 0.5 * (0.5 + 0.25)


def test_widths_are_read_from_the_first_and_the_last_linear_map():
    neck = nn.Sequential(nn.Dropout(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3), nn.BatchNorm1d(3))
    assert feature_widths(neck) == (12, 3)
    assert feature_widths(nn.Linear(7, 4)) == (7, 4)


def test_a_neck_without_linear_map_is_refused():
    with pytest.raises(ConfigError, match="Identity has no linear layer"):
        feature_widths(nn.Identity())
