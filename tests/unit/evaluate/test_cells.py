import numpy as np
import pytest

from elimctl.evaluate.cells import cells

STEPS = np.arange(-10, 11)  # labels as AFEW-VA ships them, a tenth of which is the label


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("bins", [4, 10, 20])
def test_every_tenth_is_in_the_cell_above_it(kind, bins):
    wanted = np.minimum((STEPS + 10) * bins // 20, bins - 1)  # in whole numbers, which do not round
    label = (STEPS / 10).astype(kind)
    found = cells(np.stack([label, label[::-1]], axis=1), bins=bins)
    np.testing.assert_array_equal(found, np.stack([wanted, wanted[::-1]], axis=1))


def test_what_is_just_below_an_edge_is_below_it():
    assert cells(np.array([[-0.20001, 0.19999]]), bins=10).tolist() == [[3, 5]]


def test_labels_at_and_beyond_the_ends_are_in_the_outermost_cells():
    assert cells(np.array([[1.0, -1.0], [1.7, -1.3]]), bins=3).tolist() == [[2, 0], [2, 0]]
