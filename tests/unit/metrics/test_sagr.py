import numpy as np
import pytest

from elimctl.metrics.moments import empty, update
from elimctl.metrics.score import MetricOptions, values_of


def sagr(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["sagr"]


# prediction, label: agree, disagree, both zero, zero label only, zero prediction only, agree
PREDS = np.array([0.2, -0.2, 0.0, 0.1, 0.0, -0.9])
LABELS = np.array([0.9, 0.3, 0.0, 0.0, 0.4, -0.1])


@pytest.mark.parametrize(
    ("zero", "expected"),
    [
        ("equal", 3 / 6),  # the two agreements, and zero with zero
        ("never", 2 / 6),  # the two agreements of all six
        ("skip", 2 / 4),  # the two agreements of the four with a sign
    ],
)
def test_each_treatment_of_zero_counts_by_hand(zero, expected):
    moments = update(empty(), np.stack([PREDS, LABELS], axis=1), np.stack([LABELS, LABELS], axis=1))
    assert sagr(moments, sagr_zero=zero)[0] == expected


def test_negative_zero_is_zero():
    moments = update(empty(), np.array([[-0.0, 0.0]]), np.array([[0.0, -0.0]]))
    np.testing.assert_array_equal(sagr(moments), [1, 1])


def test_labels_that_are_all_zero_leave_nothing_to_skip_to():
    moments = update(empty(), np.ones((3, 2)), np.zeros((3, 2)))
    np.testing.assert_array_equal(sagr(moments, sagr_zero="skip"), [0, 0])
