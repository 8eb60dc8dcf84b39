import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.faces.choose import choose
from elimctl.faces.face import Annotation, Box, Face

SMALL = Face((0.0, 0.0, 10.0, 10.0), 0.9, None)
LARGE = Face((100.0, 0.0, 160.0, 80.0), 0.5, None)


def _face(*box: float) -> Face:
    return Face(tuple(map(float, box)), 0.5, None)


def _moved(face: Face, dx: float, dy: float) -> Box:
    x0, y0, x1, y1 = face.box
    return x0 + dx, y0 + dy, x1 + dx, y1 + dy


def test_no_faces_no_choice() -> None:
    assert choose([], Annotation(box=(0.0, 0.0, 9.0, 9.0))) == "no face found"
    assert choose([], side="left", width_px=200) == "no face found"


def test_without_annotation_the_largest_is_chosen() -> None:
    assert choose([SMALL, LARGE]) is LARGE
    assert choose([SMALL, LARGE], Annotation()) is LARGE


def test_between_equals_the_better_score_decides() -> None:
    twin = Face((50.0, 50.0, 60.0, 60.0), 0.8, None)
    assert choose([SMALL, twin]) is SMALL


def test_the_annotated_box_decides_against_size() -> None:
    assert choose([LARGE, SMALL], Annotation(box=(1.0, 1.0, 11.0, 11.0))) is SMALL


def test_landmarks_decide_where_no_box_is_annotated() -> None:
    assert choose([LARGE, SMALL], Annotation(landmarks=np.array([(1.0, 1.0), (9.0, 9.0)]))) is SMALL


def test_a_detection_elsewhere_is_not_the_annotated_face() -> None:
    assert choose([LARGE], Annotation(box=(0.0, 0.0, 10.0, 10.0))) == "no face at the annotated place"
    # touches, but shares only a corner: IoU 4 / 196
    assert choose([SMALL], Annotation(box=(8.0, 8.0, 18.0, 18.0))) == "no face at the annotated place"


def test_the_annotated_place_decides_against_side_and_what_was_followed() -> None:
    place = Annotation(box=SMALL.box)
    assert choose([LARGE, SMALL], place, side="right", width_px=200, followed=LARGE.box) is SMALL


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_people_the_side_decides_against_size(order: int) -> None:
    left, right = _face(20, 20, 60, 70), _face(120, 10, 190, 100)
    faces = [left, right][::order]
    assert choose(faces, side="left", width_px=200) is left
    assert choose(faces, side="right", width_px=200) is right
    # of two people who both sit left of the middle, one is still the right one
    assert choose(faces, side="right", width_px=600) is right
    assert choose(faces, side="left", width_px=20) is left


def test_of_more_people_the_outermost_are_on_the_sides() -> None:
    faces = [_face(150, 0, 190, 40), _face(10, 0, 50, 40), _face(80, 0, 130, 50)]
    assert choose(faces, side="left", width_px=200) is faces[1]
    assert choose(faces, side="right", width_px=200) is faces[0]


def test_a_face_that_is_alone_must_be_on_its_side() -> None:
    alone = _face(120, 10, 180, 90)
    assert choose([alone], side="right", width_px=200) is alone
    assert choose([alone], side="left", width_px=200) == "no face on the left"
    assert choose([alone], side="right", width_px=400) == "no face on the right"


def test_a_face_in_the_middle_is_on_both_sides() -> None:
    middle = _face(80, 10, 120, 90)
    assert choose([middle], side="left", width_px=200) is middle
    assert choose([middle], side="right", width_px=200) is middle


def test_faces_in_the_background_take_no_side() -> None:
    person, poster = _face(110, 10, 190, 110), _face(5, 5, 25, 30)  # the poster has a 16th of the area
    assert choose([person, poster], side="right", width_px=200) is person
    assert choose([person, poster], side="left", width_px=200) == "no face on the left"


def test_the_side_decides_against_what_was_followed() -> None:
    left, right = _face(20, 20, 60, 70), _face(120, 10, 190, 100)
    assert choose([right, left], side="left", width_px=200, followed=right.box) is left


def test_what_was_followed_decides_against_size() -> None:
    near = _moved(SMALL, 2, 1)  # IoU 72 / 128
    assert choose([LARGE, SMALL], followed=near) is SMALL
    assert choose([LARGE, SMALL], Annotation(), followed=near) is SMALL


def test_of_two_faces_near_the_followed_one_the_nearer_is_it() -> None:
    other = _face(3, 0, 13, 10)
    assert choose([other, SMALL], followed=_moved(SMALL, 1, 0)) is SMALL
    assert choose([other, SMALL], followed=_moved(SMALL, 2, 0)) is other


def test_after_a_change_of_scene_the_largest_is_followed() -> None:
    assert choose([SMALL, LARGE], followed=(300.0, 300.0, 340.0, 340.0)) is LARGE


@given(
    st.lists(st.tuples(*[st.integers(0, 90)] * 2, *[st.integers(1, 60)] * 2), min_size=1, max_size=6),
    st.sampled_from([None, "left", "right"]),
)
def test_mirrored_faces_are_chosen_mirrored(places: list[tuple[int, ...]], side: str | None) -> None:
    faces = [_face(x, y, x + width, y + height) for x, y, width, height in places]
    mirrored = [_face(100 - x - width, y, 100 - x, y + height) for x, y, width, height in places]
    found = choose(faces, side=side, width_px=100)
    opposite = {"left": "right", "right": "left", None: None}[side]
    seen = choose(mirrored, side=opposite, width_px=100)
    if isinstance(found, str):
        assert seen == found.replace(str(side), str(opposite))
    else:
        assert faces.index(found) == mirrored.index(seen) or found.box == faces[mirrored.index(seen)].box
