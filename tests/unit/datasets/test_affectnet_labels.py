import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.datasets.affectnet_labels import expression, points, valence_arousal
from elimctl.manifest.row import EXPRESSIONS

NUMBERS = st.one_of(st.floats(), st.floats(-1, 1), st.just(-2.0))


@given(NUMBERS, NUMBERS)
def test_labels_are_in_range_or_there_is_a_reason(valence: float, arousal: float) -> None:
    labels, reason = valence_arousal(str(valence), str(arousal))
    if -1 <= valence <= 1 and -1 <= arousal <= 1:
        assert (labels, reason) == ((valence, arousal), None)
    else:
        assert labels == (None, None)
        assert reason is not None
        assert reason.startswith("no label: " if -2 in (valence, arousal) else "label out of range: ") or (
            "out of range" in reason and not -1 <= valence <= 1
        )


@pytest.mark.parametrize("text", ["-2", "-2.0", "-2.000", "-2e0"])
def test_minus_two_is_no_label_however_it_is_written(text: str) -> None:
    assert valence_arousal("0.5", text) == ((None, None), "no label: arousal is -2")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no label: valence"),
        ("NULL", "no label: valence"),
        ("x" * 90, "label is not a number: valence is '" + "x" * 39),
        ("-1.5", "label out of range: valence is -1.5, expected -1 to 1"),
    ],
)
def test_what_is_no_label_says_why(text: str, reason: str) -> None:
    assert valence_arousal(text, "0") == ((None, None), reason)


def test_classes_are_numbered_as_in_the_paper() -> None:
    for number, name in enumerate(EXPRESSIONS):
        for text in (str(number), f"{number}.0"):
            found, reason = expression(text)
            assert found == name
            assert reason == (f"no label: expression is {name}" if name in ("uncertain", "no face") else None)


@pytest.mark.parametrize("text", ["11", "-1", "1.5", "happy", "nan", "inf", "1e400"])
def test_what_is_no_class_says_so(text: str) -> None:
    assert expression(text) == (None, f"unknown class of expression: {text!r}, expected 0 to 10")


@pytest.mark.parametrize("text", ["", "NULL"])
def test_a_class_may_be_missing(text: str) -> None:
    assert expression(text) == (None, None)


def test_points_alternate_x_and_y() -> None:
    found = points(range(136))
    assert found is not None
    assert found.dtype == np.float32
    assert found[1].tolist() == [2, 3]
    assert points(range(135)) is None
    assert points([*range(135), 1e300]) is None
    assert points([*range(135), float("nan")]) is None
