import numpy as np

from elimctl.faces.choose import choose
from elimctl.faces.face import Annotation, Face

SMALL = Face((0.0, 0.0, 10.0, 10.0), 0.9, None)
LARGE = Face((100.0, 0.0, 160.0, 80.0), 0.5, None)


def test_no_faces_no_choice():
    assert choose([], Annotation(box=(0.0, 0.0, 9.0, 9.0))) is None


def test_without_annotation_the_largest_is_chosen():
    assert choose([SMALL, LARGE]) is LARGE
    assert choose([SMALL, LARGE], Annotation()) is LARGE


def test_between_equals_the_better_score_decides():
    twin = Face((50.0, 50.0, 60.0, 60.0), 0.8, None)
    assert choose([SMALL, twin]) is SMALL


def test_the_annotated_box_decides_against_size():
    assert choose([LARGE, SMALL], Annotation(box=(1.0, 1.0, 11.0, 11.0))) is SMALL


def test_landmarks_decide_where_no_box_is_annotated():
    assert choose([LARGE, SMALL], Annotation(landmarks=np.array([(1.0, 1.0), (9.0, 9.0)]))) is SMALL


def test_a_detection_elsewhere_is_not_the_annotated_face():
    assert choose([LARGE], Annotation(box=(0.0, 0.0, 10.0, 10.0))) is None
    # touches, but shares only a corner: IoU 4 / 196
    assert choose([SMALL], Annotation(box=(8.0, 8.0, 18.0, 18.0))) is None
