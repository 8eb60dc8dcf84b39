import numpy as np
import pytest

from elimctl.faces.annotation import build, five_points
from elimctl.faces.face import Annotation
from elimctl.faces.options import DetectorOptions

IMAGE = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def landmarks() -> np.ndarray:
    marks = np.random.default_rng(0).uniform(10, 90, (68, 2)).astype(np.float32)
    marks[36:42] = np.array([(-5, 0), (-2, -2), (2, -2), (5, 0), (2, 2), (-2, 2)]) + np.array((30, 40))
    marks[42:48] = marks[36:42] + np.array((40, 2))
    marks[30], marks[48], marks[54] = (50, 60), (35, 80), (65, 81)
    return marks


def detect(annotation):
    return build(DetectorOptions(name="annotation")).detect(IMAGE, annotation)


def test_five_points_are_the_middles_of_the_eyes_nose_tip_and_mouth_corners(landmarks):
    wanted = [(30, 40), (70, 42), (50, 60), (35, 80), (65, 81)]
    # the eyes' corners lie symmetrically, so their means are exact in float32
    np.testing.assert_array_equal(five_points(landmarks), wanted)


def test_the_face_has_the_annotated_box_full_score_and_points(landmarks):
    (face,) = detect(Annotation(landmarks=landmarks, box=(1.0, 2.0, 3.0, 4.0)))
    assert (face.box, face.score) == ((1.0, 2.0, 3.0, 4.0), 1.0)
    assert face.points is not None
    assert face.points.dtype == np.float32


def test_a_box_alone_gives_a_face_without_points():
    (face,) = detect(Annotation(box=(1.0, 2.0, 3.0, 4.0)))
    assert face.points is None


@pytest.mark.parametrize("annotation", [None, Annotation(), Annotation(box=(3.0, 3.0, 3.0, 3.0))])
def test_no_annotation_no_face(annotation):
    assert detect(annotation) == []


def test_points_need_68_landmarks_all_finite_where_they_are_read(landmarks):
    assert five_points(landmarks[:66]) is None
    landmarks[40] = np.nan
    assert five_points(landmarks) is None
