import pytest
import torch

from elimctl.losses.rmse import rmse


def test_the_errors_of_both_axes_are_added_up():
    preds = torch.tensor([[0.3, 0.0], [-0.3, 0.4], [0.3, 0.0], [0.3, 0.0]])
    assert rmse(preds, torch.zeros(4, 2)).item() == pytest.approx(0.3 + 0.2)
