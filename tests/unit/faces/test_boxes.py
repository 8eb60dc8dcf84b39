import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elimctl.faces.boxes import area, iou, suppress

side = st.integers(0, 12)
any_box = st.tuples(side, side, side, side).map(
    lambda c: np.array([min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3])], np.float64)
)


def raster(box):
    cells = np.zeros((12, 12), bool)
    x0, y0, x1, y1 = box.astype(int)
    cells[y0:y1, x0:x1] = True
    return cells


@given(any_box, st.lists(any_box, min_size=1, max_size=5))
def test_iou_of_whole_numbers_agrees_with_counting_cells(box, others):
    wanted = []
    for other in others:
        union = (raster(box) | raster(other)).sum()
        wanted.append((raster(box) & raster(other)).sum() / union if union else 0.0)
    # both divide the same two whole numbers
    np.testing.assert_array_equal(iou(box, np.array(others)), wanted)


def test_a_box_with_swapped_sides_has_no_area():
    np.testing.assert_array_equal(area(np.array([[5.0, 0.0, 1.0, 2.0]])), [0])


@given(st.lists(any_box, max_size=12), st.floats(0, 1))
def test_suppression_leaves_no_two_boxes_that_overlap_and_drops_none_without_cause(boxes, max_overlap):
    boxes = np.array(boxes).reshape(-1, 4)
    kept = suppress(boxes, max_overlap=max_overlap)
    for place, row in enumerate(kept):
        assert (iou(boxes[row], boxes[kept[:place]]) <= max_overlap).all()
    for row in set(range(len(boxes))) - set(kept):
        better = [other for other in kept if other < row]
        assert (iou(boxes[row], boxes[better]) > max_overlap).any()
