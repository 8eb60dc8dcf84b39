import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.training_curves import moving_average, training_curves


def columns(count=200):
    step = np.arange(1, count + 1)
    scores = np.full(count, np.nan)
    scores[49::50] = [0.1, 0.4, 0.3, 0.2][: count // 50]
    return {
        "step": step,
        "lr": np.ones(count),
        "loss_total": 3 / step,
        "loss_va": 1 / step,
        "val_ccc": scores,
    }


def test_losses_are_averaged_and_scores_marked_where_they_are():
    found = training_curves(columns())
    losses, scores = found.figure.axes
    assert losses.get_yscale() == "log"  # from 3 to 0.015
    averaged = losses.lines[1].get_ydata()
    assert averaged[-1] == pytest.approx((3 / np.arange(197, 201)).mean())  # over one in fifty of 200 steps
    assert scores.lines[0].get_xdata().tolist() == [50, 100, 150, 200]
    assert "200 training steps" in found.alt
    assert "ccc up to 0.400" in found.alt


def test_a_run_without_validation_has_one_panel():
    values = {name: column for name, column in columns().items() if name != "val_ccc"}
    assert len(training_curves(values).figure.axes) == 1


def test_one_step_is_drawn():
    assert "loss total from 3 to 3" in training_curves(columns(1)).alt


def test_negative_losses_have_a_linear_axis():
    values = columns() | {"loss_total": np.linspace(5, -1, 200)}
    assert training_curves(values).figure.axes[0].get_yscale() == "linear"


def test_a_log_without_losses_is_refused():
    with pytest.raises(DataError, match="no training step"):
        training_curves({"step": np.arange(3)})


def test_a_moving_average_leaves_gaps_out():
    values = np.array([1.0, np.nan, 3.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(moving_average(values, 2), [1, 1, 3, 3, np.nan, np.nan])
    np.testing.assert_array_equal(moving_average(np.arange(4.0), 1), np.arange(4.0))
