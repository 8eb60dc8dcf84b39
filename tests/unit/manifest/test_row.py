import os

from hypothesis import given
from hypothesis import strategies as st

from elimctl.manifest.row import EXPRESSIONS, NO_GROUP, Row, printable


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_name_that_is_utf_8_is_shown_as_it_is(name: str) -> None:
    assert printable(name) == name


@given(st.binary())
def test_any_name_of_a_file_becomes_text_that_can_be_stored(name: bytes) -> None:
    shown = printable(os.fsdecode(name))
    assert shown == name.decode("utf-8", "backslashreplace")
    assert shown.encode("utf-8").decode("utf-8") == shown


def test_of_a_row_only_its_place_must_be_known() -> None:
    row = Row(path="a.png", identity="1", clip="1", frame=0)
    told = {name for name in Row.__slots__ if getattr(row, name) is not None}
    assert told == {"path", "identity", "clip", "frame", "turned", "cropped", "pixel_aspect"}
    assert (row.turned, row.cropped, row.pixel_aspect) == (False, False, 1.0)


def test_expressions_have_the_numbers_of_affectnet() -> None:
    # Mollahosseini et al. 2017, section 3.2: 0 neutral to 7 contempt, 8 none, 9 uncertain, 10 no face.
    basic = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
    assert (*basic, "none", "uncertain", "no face") == EXPRESSIONS


def test_no_group_is_no_name_of_an_age_group() -> None:
    assert not any(character.isdigit() for character in NO_GROUP)
