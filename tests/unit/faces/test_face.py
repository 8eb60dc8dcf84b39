import numpy as np
import pytest

from elimctl.faces.face import Annotation

CORNERS = np.array([(10.0, 20.0), (30.0, 60.0), (15.0, 25.0)])


def test_an_annotated_box_goes_before_landmarks():
    assert Annotation(landmarks=CORNERS, box=(1.0, 2.0, 3.0, 4.0)).extent == (1, 2, 3, 4)


def test_landmarks_give_the_smallest_box_around_them():
    assert Annotation(landmarks=CORNERS).extent == (10, 20, 30, 60)


@pytest.mark.parametrize(
    "box", [(5.0, 5.0, 5.0, 9.0), (9.0, 0.0, 3.0, 9.0), (0.0, 0.0, np.nan, 9.0), (0.0, 0.0, np.inf, 9.0)]
)
def test_a_box_without_area_counts_as_not_annotated(box):
    assert Annotation(box=box).extent is None
    assert Annotation(landmarks=CORNERS, box=box).extent == (10, 20, 30, 60)


def test_landmarks_that_are_not_finite_are_left_out():
    assert Annotation(landmarks=np.array([*CORNERS, (np.nan, 0), (0, np.inf)])).extent == (10, 20, 30, 60)
    assert Annotation(landmarks=np.full((68, 2), np.nan)).extent is None


def test_nothing_annotated_gives_no_extent():
    assert Annotation().extent is None
