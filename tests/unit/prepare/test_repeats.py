from pathlib import Path
from typing import Any

import pytest

from elimctl.manifest.row import Row
from elimctl.prepare import row_index

BOX, OTHER_BOX = (10.0, 10.0, 60.0, 60.0), (110.0, 10.0, 160.0, 60.0)


def _row(**more: Any) -> Row:
    return Row(**{"path": "a.png", "identity": "id0", "clip": "a.png", "frame": 0, **more})


def _frame(number: int, **more: Any) -> Row:
    return _row(**{"path": "v.mp4", "clip": "v.mp4", "frame": number, "video_frame": number, **more})


def _settled(folder: Path, *found: Row) -> list[Row]:
    """The rows as a spool has them, in the order in which they are given here."""
    ages = [
        Row(**{**{name: getattr(row, name) for name in Row.__slots__}, "age": n})
        for n, row in enumerate(found, 1)
    ]
    written = row_index.write(folder / "rows", ages, folds=1, seed=0)
    return sorted((numbered.row for numbered in written), key=lambda row: row.age)


def _reasons(folder: Path, *found: Row) -> list[str | None]:
    return [row.reason for row in _settled(folder, *found)]


@pytest.mark.parametrize(
    ("first", "second", "differ"),
    [
        ({"valence": -0.8}, {"valence": 0.8}, "valence"),
        ({"arousal": 0.1}, {"arousal": 0.9}, "arousal"),
        ({"expression": "anger"}, {"expression": "fear"}, "expression"),
        (
            {"valence": 0.0, "arousal": 0.1, "expression": "\udce9"},
            {"valence": 0.1, "arousal": 0.0, "expression": "ä"},
            "valence, arousal, expression",
        ),
        ({"valence": 0.5}, {"valence": 0.50001}, "valence"),
    ],
)
def test_rows_of_other_labels_are_all_dropped(tmp_path: Path, first: dict, second: dict, differ: str) -> None:
    reason = f"labels disagree: {differ}"
    assert _reasons(tmp_path, _row(**first), _row(**second), _row(**first)) == [reason] * 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"valence": 0.5}, {"valence": 0.5}),
        ({"valence": 1 / 3}, {"valence": 0.3333333}),
        ({"expression": "anger"}, {"expression": None}),
        ({}, {}),
    ],
)
def test_of_rows_of_the_same_labels_the_first_is_kept(tmp_path: Path, first: dict, second: dict) -> None:
    assert _reasons(tmp_path, _row(**first), _row(**second), _row(**second)) == [
        None,
        "listed twice",
        "listed twice",
    ]


def test_a_face_stays_with_the_identity_that_is_named_first(tmp_path: Path) -> None:
    rows = [_row(identity=name, valence=v) for name, v in (("id0", 0.0), ("ID0", -0.9), ("\udce9", 0.0))]
    assert _reasons(tmp_path, *rows, _row(valence=0.0)) == [
        None,
        "identities disagree: listed before as id0",
        "identities disagree: listed before as id0",
        "listed twice",
    ]
    assert _reasons(tmp_path, *rows[::-1])[:2] == [None, "identities disagree: listed before as \xe9"]


def test_rows_that_cannot_be_used_contradict_nobody(tmp_path: Path) -> None:
    lost = _row(valence=0.5, reason="no image"), _row(identity="id9", reason="no label")
    assert _reasons(tmp_path, _row(valence=0.1), *lost) == [None, "no image", "no label"]
    assert _reasons(tmp_path, lost[1], _row(valence=0.1)) == ["no label", None]


def test_frames_of_a_video_are_compared_each(tmp_path: Path) -> None:
    rows = [_frame(0, valence=0.0), _frame(1, valence=0.0), _frame(1, valence=1.0), _frame(2, valence=1.0)]
    assert _reasons(tmp_path, *rows) == [None, "labels disagree: valence", "labels disagree: valence", None]


def test_a_frame_in_two_clips_is_one_picture(tmp_path: Path) -> None:
    one, other = (
        Row(path="v.mp4", identity="v", clip=clip, frame=3, video_frame=3, valence=0.5) for clip in "ab"
    )
    assert _reasons(tmp_path, one, other) == [None, "listed twice"]


def test_people_in_one_picture_are_kept_and_have_a_clip_each(tmp_path: Path) -> None:
    rows = _settled(
        tmp_path, _row(box=BOX, valence=0.0), _row(box=OTHER_BOX, valence=1.0), _row(box=BOX, valence=0.0)
    )
    assert [row.reason for row in rows] == [None, None, "listed twice"]
    assert [row.clip for row in rows] == ["a.png", "a.png face 2", "a.png"]
    assert {row.identity for row in rows} == {"id0"}


def test_people_in_one_video_have_a_clip_each_named_after_them(tmp_path: Path) -> None:
    rows = _settled(
        tmp_path,
        _frame(0, box=BOX, identity="ann"),
        _frame(0, box=OTHER_BOX, identity="bob"),
        _frame(1, box=OTHER_BOX, identity="bob"),
        _frame(2, box=OTHER_BOX, identity="ann", path="w.mp4", clip="w.mp4"),
    )
    assert [row.reason for row in rows] == [None] * 4
    assert [row.clip for row in rows] == ["v.mp4 ann", "v.mp4 bob", "v.mp4 bob", "w.mp4"]


def test_sides_are_places_in_the_picture(tmp_path: Path) -> None:
    rows = (
        _frame(0, side="left", identity="l", valence=0.0),
        _frame(0, side="right", identity="r", valence=1.0),
    )
    assert _reasons(tmp_path, *rows) == [None, None]


def test_a_box_with_two_labels_is_dropped_and_its_neighbour_is_not(tmp_path: Path) -> None:
    rows = [_row(box=BOX, valence=0.0), _row(box=BOX, valence=0.5), _row(box=OTHER_BOX, valence=0.7)]
    assert _reasons(tmp_path, *rows) == ["labels disagree: valence", "labels disagree: valence", None]


def test_a_line_without_a_box_beside_one_with_a_box_is_dropped(tmp_path: Path) -> None:
    reason = "no box: another line about the same image has one"
    assert _reasons(tmp_path, _row(valence=0.5), _row(box=BOX, valence=0.1)) == [reason, None]
    assert _reasons(tmp_path, _row(valence=0.5), _row(box=BOX, reason="no label")) == [None, "no label"]


def test_rows_keep_their_clips_where_nobody_shares_a_picture(tmp_path: Path) -> None:
    rows = [_row(path=f"{n}.png", identity=f"{n}", clip="c", frame=0, box=BOX) for n in range(3)]
    assert [row.clip for row in _settled(tmp_path, *rows)] == ["c"] * 3
