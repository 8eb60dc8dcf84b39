import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.error_map import cells, error_map


def test_cells_agree_with_samples_counted_one_by_one(drawn):
    count, error, pull = cells(drawn.preds, drawn.target, bins=4)
    assert count.sum() == len(drawn.preds)
    row, column = np.argwhere(count > 1)[0]
    low, high = np.array([column, row]) / 2 - 1, np.array([column, row]) / 2 - 0.5
    own = ((drawn.target >= low) & (drawn.target < high)).all(axis=1)
    assert own.sum() == count[row, column]
    distance = np.hypot(*(drawn.preds - drawn.target)[own].T)
    assert error[row, column] == pytest.approx(distance.mean())
    np.testing.assert_allclose(pull[row, column], [drawn.target[own].mean(0), drawn.preds[own].mean(0)])


def test_cells_with_few_samples_are_masked_and_hatched(drawn):
    found = error_map(drawn.preds, drawn.target, bins=4, min_count=12)
    errors, counts = found.figure.axes[:2]
    count, error, _ = cells(drawn.preds, drawn.target, bins=4)
    shown = errors.collections[0].get_array()
    np.testing.assert_array_equal(shown.mask.reshape(4, 4), count < 12)
    assert shown.compressed().tolist() == error[count >= 12].tolist()
    assert len(errors.patches) == ((count > 0) & (count < 12)).sum()
    known = counts.collections[0].get_array()
    assert known.compressed().sum() == 120
    assert "120 samples" in found.alt


def test_labels_at_and_beyond_the_edge_are_in_the_outermost_cells():
    edge = np.array([[1.0, 1.0], [-1.0, -1.0], [1.2, -1.3]])
    count, _, _ = cells(edge, edge, bins=3)
    assert (count[2, 2], count[0, 0], count[0, 2]) == (1, 1, 1)


def test_no_cell_with_enough_samples_is_said(drawn):
    found = error_map(drawn.preds[:3], drawn.target[:3])
    assert "No cell has enough samples" in found.alt
    shown = found.figure.axes[0].collections[0]
    assert shown.get_array().mask.all()
    assert shown.get_clim() == (0, 1)
    assert "no cell has as many" in found.figure._supxlabel.get_text()


def test_one_constant_label_is_drawn():
    same = np.zeros((50, 2))
    assert "lie between 0.50 and 0.50" in error_map(same + np.array([0.3, 0.4]), same).alt


def test_nothing_to_draw_is_refused():
    with pytest.raises(DataError, match="no predictions"):
        error_map(np.zeros((0, 2)), np.zeros((0, 2)))


def test_labels_on_an_edge_are_in_the_cell_above_it_in_float32_too():
    steps = np.arange(-10, 11)
    target = np.repeat((steps / 10).astype(np.float32), 2).reshape(-1, 2)
    count, _, _ = cells(target, target, bins=10)
    np.testing.assert_array_equal(np.diag(count), np.bincount(np.minimum((steps + 10) // 2, 9)))


def test_errors_have_the_same_scale_in_every_figure(drawn):
    for error, beyond in ((0.1, "neither"), (1.2, "max")):
        shifted = drawn.target + np.array([error, 0.0])
        found = error_map(shifted, drawn.target, bins=4)
        shown = found.figure.axes[0].collections[0]
        assert shown.get_clim() == (0, 1)
        assert shown.colorbar.extend == beyond


def test_samples_that_are_few_have_a_scale_all_the_same():
    target = np.repeat([[0.1, 0.1], [0.5, 0.5]], [1, 6], axis=0)
    found = error_map(target, target)
    bar = found.figure.axes[1].collections[0].colorbar
    assert [text.get_text() for text in bar.ax.get_xticklabels()] == ["1", "2", "5"]
