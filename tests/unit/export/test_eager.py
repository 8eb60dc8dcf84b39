"""Comparison of an exported model with its original."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from elimctl.errors import DataError, ExportError
from elimctl.export import eager


class Mean(nn.Module):
    """Mean of the first two channels, and dropout, which evaluation must not see."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, images):
        return self.dropout(images.float().mean(dim=(2, 3))[:, :2])


def images(count):
    return np.random.default_rng(count).integers(0, 256, (count, 3, 4, 4), dtype=np.uint8)


def preds(images):
    return images.astype(np.float32).mean(axis=(2, 3))[:, :2]


def test_largest_difference_is_found_in_whichever_batch_it_is():
    def off_by_a_half_in_one_place(images):
        found = preds(images)
        if len(images) == 3:
            found[1, 1] -= 0.5
        return found

    batches = [images(2), images(3), images(1)]
    # means of sixteen integers below 256, which float32 holds exactly
    assert eager.difference(off_by_a_half_in_one_place, Mean(), batches) == pytest.approx(0.5, abs=1e-6)
    assert eager.difference(preds, Mean(), batches) == pytest.approx(0, abs=1e-6)


def test_a_prediction_that_is_no_number_makes_the_difference_none_either():
    def broken(images):
        return preds(images) * (np.nan if len(images) == 2 else 1)

    assert math.isnan(eager.difference(broken, Mean(), [images(1), images(2), images(3)]))


def test_nothing_to_compare_on_is_an_error():
    with pytest.raises(DataError, match="no images"):
        eager.difference(preds, Mean(), [])
    with pytest.raises(DataError, match="no images"):
        eager.difference(preds, Mean(), [images(0)])


def test_model_is_left_in_the_mode_and_type_it_was_in():
    model = nn.Sequential(Mean(), nn.Linear(2, 2)).double().train()
    copy = eager.reference(model)
    assert model.training
    assert not copy.training
    assert model[1].weight.dtype == torch.float64
    assert copy[1].weight.dtype == torch.float32


@pytest.mark.parametrize("found", [0.0, 1e-4])
def test_a_difference_within_the_tolerance_passes(found):
    eager.check(found, tolerance=1e-4, what="predictions")


@pytest.mark.parametrize("found", [1.1e-4, math.inf, math.nan])
def test_a_difference_above_the_tolerance_or_no_number_fails(found):
    with pytest.raises(ExportError, match="predictions of the exported model"):
        eager.check(found, tolerance=1e-4, what="predictions")
