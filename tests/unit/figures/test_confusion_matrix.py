import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.confusion_matrix import confusion_matrix

from .test_style import contrast


def test_shares_are_of_the_true_class_and_empty_classes_are_left_blank():
    table = np.array([[3, 1, 0], [0, 0, 0], [5, 0, 5]])
    found = confusion_matrix(table, ["neutral", "happy", "sad"])
    axes = found.figure.axes[0]
    shown = axes.images[0].get_array()
    np.testing.assert_allclose(shown[0], [0.75, 0.25, 0])
    assert shown.mask[1].all()
    assert [text.get_text() for text in axes.texts] == [
        "75%\n3",
        "25%\n1",
        "0%\n0",
        "50%\n5",
        "0%\n0",
        "50%\n5",
    ]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["neutral", "happy", "sad"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert "14 samples, accuracy 57.1%. Found: neutral 75%, sad 50%." in found.alt


def test_no_sample_is_refused():
    with pytest.raises(DataError, match="no sample"):
        confusion_matrix(np.zeros((2, 2), int), ["a", "b"])


def test_counts_in_cells_of_middle_brightness_can_be_read():
    found = confusion_matrix(np.array([[48, 52], [30, 70]]), ["a", "b"])
    axes = found.figure.axes[0]
    for text in axes.texts:
        column, row = (round(place) for place in text.get_position())
        cell = axes.images[0].to_rgba(axes.images[0].get_array())[row, column]
        assert contrast(text.get_color(), cell[:3]) >= 4.5
