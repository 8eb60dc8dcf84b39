import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.calibration import Panel, calibration
from elimctl.metrics.calibration import Bin, Reliability

BINS = [Bin(-0.5, 0.0, -0.2, -0.4, 10, 3), Bin(0.0, 0.5, 0.2, 0.4, 10, 3)]
FOUND = Reliability(0.2, 2.0, [1.5, 2.5], 0.0, [-0.1, 0.1], BINS)


def test_bins_line_and_histogram_of_each_axis():
    preds = np.linspace(-0.5, 0.5, 20)
    found = calibration([Panel("valence", preds, FOUND), Panel("arousal", preds, FOUND)])
    upper, _, lower, _ = found.figure.axes
    reliable, fit, points = upper.lines
    assert list(reliable.get_xdata()) == list(reliable.get_ydata()) == [-1, 1]
    np.testing.assert_allclose(fit.get_ydata(), [-1, 1])
    np.testing.assert_allclose(np.transpose(points.get_data()), [[-0.2, -0.4], [0.2, 0.4]])
    assert [text.get_text() for text in upper.get_legend().get_texts()] == [
        "slope 2.00 (1.50 to 2.50)",
        "mean gap 0.20",
    ]
    assert sum(bar.get_height() for bar in lower.patches) == 20
    assert lower.get_xlabel() == "predicted valence"
    assert "valence: mean gap 0.20, slope 2.00, intercept +0.00; arousal" in found.alt


def test_constant_predictions_have_no_line():
    constant = Reliability(0.1, None, None, 0.3, None, [Bin(0.2, 0.2, 0.2, 0.3, 9, 1)])
    found = calibration([Panel("valence", np.full(9, 0.2), constant)])
    assert len(found.figure.axes[0].lines) == 2
    assert "slope not defined, predictions are constant" in found.alt


def test_a_probability_has_its_own_span():
    panel = Panel("probability", np.array([0.4, 0.9]), FOUND, (0.0, 1.0))
    assert calibration([panel]).figure.axes[0].get_xlim() == pytest.approx((-0.03, 1.03))


def test_nothing_and_nan_are_refused():
    with pytest.raises(DataError, match="no predictions"):
        calibration([])
    with pytest.raises(DataError, match="1 of 1 predictions are not finite"):
        calibration([Panel("valence", np.array([np.nan]), FOUND)])


def test_a_wild_prediction_does_not_shrink_the_axis_and_is_counted():
    preds = np.r_[np.linspace(-0.5, 0.5, 20), 30.0]
    found = calibration([Panel("valence", preds, FOUND), Panel("arousal", preds[:-1], FOUND)])
    left, right, histogram, _ = found.figure.axes
    assert left.get_xlim() == pytest.approx((-1.075, 1.575))  # 3 % beyond -1 to 1.5
    assert right.get_xlim() == pytest.approx((-1.06, 1.06))
    assert sum(bar.get_height() for bar in histogram.patches) == 20
    for text in (found.alt, " ".join(found.figure._supxlabel.get_text().split())):
        assert text.endswith("Valence: 1 of 21 predictions lies outside, beyond ±1.50.")
