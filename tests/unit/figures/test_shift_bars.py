import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.shift_bars import Pair, shift_bars


def test_each_sample_has_a_bar_and_each_pair_its_mean():
    pairs = [
        Pair("Actor 01", "Actor 02", np.array([0.1, 0.3])),
        Pair("Actor 01", "Actor 03", np.array([0.5])),
    ]
    found = shift_bars(pairs, remark="As in a test.")
    axes = found.figure.axes[0]
    assert [bar.get_height() for bar in axes.patches] == [0.3, 0.1, 0.5]
    means = [entry.get_segments()[0][0, 1] for entry in axes.collections]
    np.testing.assert_allclose(means, [0.2, 0.5])
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "Actor 01\n→ Actor 02",
        "Actor 01\n→ Actor 03",
    ]
    assert axes.get_ylabel() == "identity shift"
    assert "Actor 01 to Actor 02: mean 0.200, 2 samples" in found.alt
    assert "As in a test." in found.figure._supxlabel.get_text()


def test_nothing_and_nan_are_refused():
    with pytest.raises(DataError, match="no pair"):
        shift_bars([])
    with pytest.raises(DataError, match="1 of 1 shifts"):
        shift_bars([Pair("a", "b", np.array([np.nan]))])
