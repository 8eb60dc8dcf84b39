import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.config import validate
from elimctl.datasets.folder import Options, read
from elimctl.datasets.folder_columns import CORNERS, NAMES, SIZED, find_columns
from elimctl.datasets.folder_range import LabelRange
from elimctl.datasets.folder_record import parse
from elimctl.errors import ConfigError, DataError, LayoutError, MissingError
from elimctl.manifest.row import Row
from elimctl.synthetic.folder import Options as SynthOptions
from elimctl.synthetic.folder import write
from elimctl.synthetic.video_writing import write_video


def _write(file: Path, text: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _table(root: Path, header: str, *lines: str, name: str = "labels.csv", images: bool = True) -> Path:
    """Write a CSV, and an empty file for each path of its first column: readers look at names only."""
    _write(root / name, "\n".join([header, *lines, ""]))
    for line in lines if images else ():
        _write(root / line.split(",")[0])
    return root


def _read(root: Path, **options: Any) -> list[Row]:
    return list(read(root, Options(**options)))


def _reasons(root: Path, **options: Any) -> list[str | None]:
    return [row.reason for row in _read(root, **options)]


def _one(root: Path, header: str, line: str, **options: Any) -> Row:
    """The row of one image `a.jpg`, with further columns."""
    _table(root, f"path,valence,arousal,{header}", f"a.jpg,0.5,-0.25,{line}")
    [row] = _read(root, **options)
    return row


def _video(file: Path, frames: int, **options: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_video(file, np.zeros((frames, 16, 16, 3), np.uint8), **options)
    return file


def test_path_valence_and_arousal_are_enough(tmp_path: Path) -> None:
    _table(tmp_path, "path,valence,arousal", "a.jpg,0.5,-0.25", "b.png,-1,1.0")
    first, second = _read(tmp_path)
    assert first == Row(
        path="a.jpg",
        identity="a.jpg",
        clip="a.jpg",
        frame=0,
        turned=True,
        valence=0.5,
        arousal=-0.25,
        identity_from="file",
    )
    assert (second.path, second.valence, second.arousal) == ("b.png", -1, 1)


def test_all_columns_become_the_fields_of_a_row(tmp_path: Path) -> None:
    _table(
        tmp_path,
        "path,valence,arousal,identity,clip,frame,split,expression,age,x,y,w,h",
        "faces/a.jpg,0.5,-0.25,id01,holiday,12,valid,Happy,31.5,10,20,30.5,40",
    )
    [row] = _read(tmp_path)
    assert row == Row(
        path="faces/a.jpg",
        identity="id01",
        clip="holiday",
        frame=12,
        turned=True,
        actor="id01",
        valence=0.5,
        arousal=-0.25,
        expression="happiness",
        age=31.5,
        age_group="30-39",
        box=(10, 20, 40.5, 60),
        split="val",
        identity_from="column identity",
    )


@pytest.mark.parametrize(
    "header",
    [
        "path,valence,arousal",
        "subDirectory_filePath,valence,arousal",
        "#filePath,V,A",
        '"File Name", Valence ,AROUSAL',
        "image-path,valence,arousal",
        "VIDEO,valence,arousal",
    ],
)
def test_columns_are_found_by_their_names_however_they_are_written(tmp_path: Path, header: str) -> None:
    _table(tmp_path, header, "a.jpg,0.5,-0.25")
    [row] = _read(tmp_path)
    assert (row.path, row.valence, row.arousal, row.reason) == ("a.jpg", 0.5, -0.25, None)


def test_columns_may_come_in_any_order_among_others(tmp_path: Path) -> None:
    _write(tmp_path / "a.jpg")
    _write(tmp_path / "labels.csv", 'note,arousal,id,valence,file,landmarks\nx,-0.25,7,0.5,a.jpg,"1;2,3"\n')
    [row] = _read(tmp_path)
    assert (row.path, row.valence, row.arousal, row.identity) == ("a.jpg", 0.5, -0.25, "7")


def test_of_two_names_for_one_thing_the_more_telling_counts(tmp_path: Path) -> None:
    _write(tmp_path / "a.jpg")
    _write(tmp_path / "labels.csv", "id,name,file,identity,valence,arousal\n17,Ada,a.jpg,id01,0,0\n")
    [row] = _read(tmp_path)
    assert (row.path, row.identity) == ("a.jpg", "id01")


def test_no_name_stands_for_two_columns() -> None:
    known = [name for names in NAMES.values() for name in names]
    assert len(known) == len(set(known))
    for four in (*CORNERS, *SIZED):
        assert find_columns(four, where="x.csv").box == (0, 1, 2, 3)


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    _table(tmp_path, "path,valence,valence,arousal", "a.jpg,0,0,0")
    with pytest.raises(LayoutError, match=r"labels.csv has 2 columns 'valence'"):
        _read(tmp_path)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_semicolons_tabs_and_decimal_commas_are_read(tmp_path: Path, delimiter: str) -> None:
    _write(tmp_path / "a.jpg")
    lines = delimiter.join(["path", "valence", "arousal"]) + "\r\n" + delimiter.join(["a.jpg", "0,5", "-,25"])
    (tmp_path / "labels.tsv").write_bytes(b"\xef\xbb\xbf" + lines.encode() + b"\r\n\r\n\r\n")
    [row] = _read(tmp_path)
    assert (row.valence, row.arousal) == (0.5, -0.25)


def test_quoted_fields_are_read(tmp_path: Path) -> None:
    _write(tmp_path / 'a, "b".jpg')
    _write(tmp_path / "labels.csv", '"path","valence","arousal"\n"a, ""b"".jpg","0.5","0,25"\n')
    [row] = _read(tmp_path)
    assert (row.path, row.valence, row.arousal) == ('a, "b".jpg', 0.5, 0.25)


def test_a_name_that_is_not_utf_8_is_found(tmp_path: Path) -> None:
    name = b"caf\xe9.jpg"
    (tmp_path / name.decode(errors="surrogateescape")).touch()
    (tmp_path / "labels.csv").write_bytes(b"path,valence,arousal\n" + name + b",0,0\n")
    assert _reasons(tmp_path) == [None]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (",0", "no label: valence"),
        ("0,", "no label: arousal"),
        ("0", "no label: arousal"),
        ("high,0", "label is not a number: valence is 'high'"),
        ("0,0.1.2", "label is not a number: arousal is '0.1.2'"),
        ("1.01,0", "label out of range: valence is 1.01, expected -1 to 1 (option label_range)"),
        ("0,-2", "label out of range: arousal is -2, expected -1 to 1 (option label_range)"),
        ("nan,0", "label out of range: valence is nan, expected -1 to 1 (option label_range)"),
        ("0,inf", "label out of range: arousal is inf, expected -1 to 1 (option label_range)"),
        ("0,5,0,5", "too many fields: 5, the header has 3"),
        ("0.5,0.5,,", None),
    ],
)
def test_a_record_with_unusable_labels_is_dropped(tmp_path: Path, labels: str, reason: str | None) -> None:
    _table(tmp_path, "path,valence,arousal", f"a.jpg,{labels}", "b.jpg,0,0")
    assert _reasons(tmp_path) == [reason, None]


@pytest.mark.parametrize(
    ("low", "high", "shipped", "wanted"),
    [(1, 9, 5, 0), (1, 9, 9, 1), (1, 9, 1, -1), (-10, 10, 7, 0.7), (0, 1, 0.25, -0.5), (-1, 1, 0.1, 0.1)],
)
def test_labels_are_rescaled(tmp_path: Path, low: float, high: float, shipped: float, wanted: float) -> None:
    _table(tmp_path, "path,valence,arousal", f"a.jpg,{shipped},{low}")
    [row] = _read(tmp_path, label_range=(low, high))
    assert (row.valence, row.arousal) == (wanted, -1)


@given(
    low=st.floats(-1e6, 1e6),
    width=st.floats(1e-3, 1e6),
    parts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_rescaling_keeps_range_and_order(low: float, width: float, parts: tuple[float, float]) -> None:
    high = low + width
    columns = find_columns(["path", "valence", "arousal"], where="x.csv")
    first, second = sorted(min(high, low + part * width) for part in parts)
    ranges = LabelRange(valence=(low, high), arousal=(low, high))
    record = parse(["a.jpg", repr(first), repr(second)], columns, ranges)
    assert record.reason is None
    assert -1 <= record.valence <= record.arousal <= 1


@pytest.mark.parametrize("bad", [[1, -1], [0, 0], [0, float("nan")], [0, float("inf")]])
def test_a_range_that_does_not_rise_is_refused(bad: list[float]) -> None:
    with pytest.raises(ConfigError, match=r"dataset.label_range: .*expected .lowest, highest"):
        validate(Options, {"label_range": bad}, where="dataset")


@pytest.mark.parametrize(
    "path", ["../a.jpg", "id01/../../a.jpg", "/elsewhere/a.jpg", "..\\a.jpg", "C:\\a.jpg", ".."]
)
def test_a_path_that_leaves_the_root_is_dropped(tmp_path: Path, path: str) -> None:
    _write(tmp_path / "a.jpg")
    root = tmp_path / "mine"
    _table(root, "path,valence,arousal", f"{path},0,0", images=False)
    [row] = _read(root)
    assert row.reason == f"path leaves the root: {path}"


def test_a_path_is_read_as_windows_writes_it_and_straightened(tmp_path: Path) -> None:
    _write(tmp_path / "id01/a.jpg")
    lines = ("id01\\a.jpg,0,0", "./id01//a.jpg,0,0", "id02/../id01/a.jpg,0,0")
    _table(tmp_path, "path,valence,arousal", *lines, images=False)
    assert [(row.path, row.reason) for row in _read(tmp_path)] == [("id01/a.jpg", None)] * 3


def test_files_that_are_missing_are_dropped(tmp_path: Path) -> None:
    _write(tmp_path / "id01/a.jpg")
    long = "x" * 300
    lines = ("id01/b.jpg,0,0", "b.mp4,0,0", "id01,0,0", f"{long}.jpg,0,0", ",0,0")
    _table(tmp_path, "path,valence,arousal", *lines, images=False)
    rows = _read(tmp_path)
    assert [row.reason for row in rows] == ["no image", "no video", "no image", "no image", "no path"]
    assert [row.path for row in rows] == ["id01/b.jpg", "b.mp4", "id01", f"{long}.jpg", "labels.csv"]


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("a.tif", "a.jpg"),
        ("a.jpg", "a.JPG"),
        ("a.JPEG", "a.png"),
        ("a", "a.png"),
        ("id.01", "id.01.jpg"),
        ("a.avi", "a.mp4"),
        ("talk", "talk.MP4"),
    ],
)
def test_a_file_that_was_converted_is_found_by_its_stem(tmp_path: Path, listed: str, found: str) -> None:
    if found.lower().endswith("mp4"):
        _video(tmp_path / "made.mp4", 1).rename(tmp_path / found)
    else:
        _write(tmp_path / found)
    _table(tmp_path, "path,valence,arousal", f"{listed},0,0", images=False)
    [row] = _read(tmp_path)
    assert (row.path, row.reason) == (found, None)


def test_a_video_is_no_conversion_of_an_image(tmp_path: Path) -> None:
    _write(tmp_path / "a.mp4")
    _table(tmp_path, "path,valence,arousal", "a.jpg,0,0", images=False)
    assert _reasons(tmp_path) == ["no image"]


def test_frames_of_a_video_are_named_by_their_numbers(tmp_path: Path) -> None:
    lines = ("talk.mp4,0,0,0", "talk.mp4,0.5,0,2", "talk.mp4,1,0,7.0")
    _table(tmp_path, "path,valence,arousal,frame", *lines)
    assert [(row.clip, row.frame, row.video_frame, row.valence) for row in _read(tmp_path)] == [
        ("talk.mp4", 0, 0, 0),
        ("talk.mp4", 2, 2, 0.5),
        ("talk.mp4", 7, 7, 1),
    ]
    rows = _read(tmp_path, frame_base=1)
    assert [(row.frame, row.video_frame) for row in rows] == [(0, None), (2, 1), (7, 6)]
    assert rows[0].reason == "frame out of range: 0, counted from 1 (option frame_base)"


def test_frames_of_images_are_not_places_in_a_video(tmp_path: Path) -> None:
    _table(tmp_path, "path,valence,arousal,clip,frame", "a.jpg,0,0,c,0", "b.jpg,0,0,c,1")
    assert [(row.clip, row.frame, row.video_frame, row.reason) for row in _read(tmp_path, frame_base=1)] == [
        ("c", 0, None, None),
        ("c", 1, None, None),
    ]


@pytest.mark.parametrize("base", [0, 1])
def test_a_video_without_frames_gives_its_labels_to_all_of_them(tmp_path: Path, base: int) -> None:
    _video(tmp_path / "id01/talk.mp4", 5)
    _table(tmp_path, "path,valence,arousal,clip", "id01/talk.mp4,0.5,-0.5,greeting", images=False)
    rows = _read(tmp_path, frame_base=base)
    assert [(row.clip, row.frame, row.video_frame) for row in rows] == [
        ("greeting", base + place, place) for place in range(5)
    ]
    assert {(row.valence, row.arousal, row.identity, row.reason) for row in rows} == {
        (0.5, -0.5, "id01/talk.mp4", None)
    }


def test_an_unreadable_video_is_dropped_once(tmp_path: Path) -> None:
    _table(tmp_path, "path,valence,arousal", "talk.mp4,0,0")
    [row] = _read(tmp_path)
    assert row.reason.startswith("unreadable video: ")
    assert str(tmp_path) not in row.reason


@pytest.mark.parametrize("frame", ["third", "-1", "1.5", "nan", "1e3"])
def test_a_frame_that_is_no_number_is_dropped_and_takes_nobodys_place(tmp_path: Path, frame: str) -> None:
    lines = (f"a.jpg,0,0,c,{frame}", "b.jpg,0,0,c,0", "c.jpg,0,0,c,1")
    _table(tmp_path, "path,valence,arousal,clip,frame", *lines)
    rows = _read(tmp_path)
    assert [row.reason for row in rows] == [
        f"invalid frame number: {frame!r}, expected a whole number from 0",
        None,
        None,
    ]
    assert len({(row.clip, row.frame) for row in rows}) == 3


def test_images_of_a_clip_without_frames_keep_the_order_of_the_csv(tmp_path: Path) -> None:
    lines = ("b.jpg,0,0,c", "a.jpg,0,0,c", "x.jpg,0,0,", "d.jpg,0,0,c")
    _table(tmp_path, "path,valence,arousal,clip", *lines)
    assert [(row.path, row.clip, row.frame) for row in _read(tmp_path)] == [
        ("b.jpg", "c", 1),
        ("a.jpg", "c", 2),
        ("x.jpg", "x.jpg", 0),
        ("d.jpg", "c", 4),
    ]


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ("train", ("train", "training", "Training")),
        ("val", ("val", "valid", "validation", "VALIDATION", "dev")),
        ("test", ("test", "testing")),
    ],
)
def test_words_for_splits_are_known(tmp_path: Path, split: str, words: tuple[str, ...]) -> None:
    assert {_one(tmp_path, "split", word).split for word in words} == {split}


def test_other_words_for_classes_are_known_and_those_of_ones_own_are_kept(tmp_path: Path) -> None:
    words = {
        **{"Happy": "happiness", "joy": "happiness", "sad": "sadness", "Surprised": "surprise"},
        **{"fearful": "fear", "afraid": "fear", "disgusted": "disgust", "ANGRY": "anger"},
        **{"contemptuous": "contempt", "neutral": "neutral", "No Face": "no face", "Awe": "Awe"},
    }
    assert {word: _one(tmp_path, "expression", word).expression for word in words} == words


@pytest.mark.parametrize(
    ("word", "reason"),
    [("holdout", "unknown split: 'holdout', expected train, val or test"), ("", "no split")],
)
def test_other_words_for_splits_are_dropped(tmp_path: Path, word: str, reason: str) -> None:
    assert _one(tmp_path, "split", word).reason == reason


@pytest.mark.parametrize(
    ("word", "expression"),
    [
        ("Happy", "happiness"),
        ("ANGER", "anger"),
        ("No Face", "no face"),
        ("Bored", "Bored"),
        ("3", "3"),
        ("-1", None),
        ("-1.0", None),
        ("", None),
    ],
)
def test_expressions_get_their_names_and_other_words_stay(tmp_path: Path, word: str, expression: Any) -> None:
    assert _one(tmp_path, "emotion", word).expression == expression


@pytest.mark.parametrize(
    ("text", "age", "group"),
    [
        ("30", 30, "30-39"),
        ("17.9", 17.9, None),
        ("0", None, None),
        ("-1", None, None),
        ("old", None, None),
        ("", None, None),
    ],
)
def test_an_age_that_is_none_is_unknown(tmp_path: Path, text: str, age: Any, group: str | None) -> None:
    row = _one(tmp_path, "age", text, identity="age-group")
    assert (row.age, row.age_group, row.identity, row.reason) == (age, group, group or "none", None)


def test_the_groups_of_ages_can_be_chosen(tmp_path: Path) -> None:
    assert _one(tmp_path, "age", "30", identity="age-group", bins=(0, 20, 60)).identity == "20-59"


@pytest.mark.parametrize(
    ("header", "line", "box"),
    [
        ("x,y,w,h", "10,20,30,40", (10, 20, 40, 60)),
        ("face_x,face_y,face_width,face_height", "-5,20,30,40", (-5, 20, 25, 60)),
        ("x0,y0,x1,y1", "10,20,30,40", (10, 20, 30, 40)),
        ("x1,y1,x2,y2", "10,20,30,40", (10, 20, 30, 40)),
        ("y_max,x_min,x_max,y_min", "40,10,30,20", (10, 20, 30, 40)),
        ("left,top,width,height", "10,20,30,40", (10, 20, 40, 60)),
        ("left,top,right,bottom", "10,20,30,40", (10, 20, 30, 40)),
        ("x,y,w,h", "10,20,,40", None),
        ("x,y,w,h", "10,20,-30,40", None),
        ("x,y,w,h", "10,20,0,40", None),
        ("x,y,w,h", "nan,20,3,40", None),
        ("x0,y0,x1,y1", "10,20,inf,40", None),
        ("x0,y0,x1,y1", "40,20,10,40", None),
        ("x,y,width", "10,20,30", None),
        ("width,height", "640,480", None),
    ],
)
def test_boxes_are_read_and_those_without_an_area_are_none(
    tmp_path: Path, header: str, line: str, box: Any
) -> None:
    row = _one(tmp_path, header, line)
    assert (row.box, row.reason) == (box, None)


def test_a_box_that_is_no_numbers_is_dropped(tmp_path: Path) -> None:
    assert (
        _one(tmp_path, "x,y,w,h", "10,left,30,40").reason
        == "invalid box: '10, left, 30, 40', expected four numbers"
    )


LINES = ("id01/a/1.jpg,0,0", "id01/b/1.jpg,0,0", "id02/a/1.jpg,0,0", "x.jpg,0,0")


@pytest.mark.parametrize(
    ("mode", "identities"),
    [
        ("auto", ["id01", "id01", "id02", "x.jpg"]),
        ("folder", ["id01", "id01", "id02", None]),
        ("image", ["id01/a/1.jpg", "id01/b/1.jpg", "id02/a/1.jpg", "x.jpg"]),
        ("clip", ["id01/a/1.jpg", "id01/b/1.jpg", "id02/a/1.jpg", "x.jpg"]),
    ],
)
def test_identities_without_a_column(tmp_path: Path, mode: str, identities: list[str | None]) -> None:
    _table(tmp_path, "path,valence,arousal", *LINES)
    rows = _read(tmp_path, identity=mode)
    assert [row.identity if row.reason is None else None for row in rows] == identities
    assert {row.reason for row in rows} <= {None, "no identity"}
    assert {row.actor for row in rows} == {None}


@pytest.mark.parametrize(
    ("mode", "identities"),
    [
        ("auto", ["A", "A", "B", None]),
        ("column", ["A", "A", "B", None]),
        ("folder", ["id01", "id01", "id02", None]),
        ("image", ["id01/a/1.jpg", "id01/b/1.jpg", "id02/a/1.jpg", "x.jpg"]),
        ("clip", ["k", "k", "l", "x.jpg"]),
    ],
)
def test_identities_with_columns(tmp_path: Path, mode: str, identities: list[str | None]) -> None:
    more = (",A,k", ",A,k", ",B,l", ",,")
    _table(tmp_path, "path,valence,arousal,person,clip", *map("".join, zip(LINES, more, strict=True)))
    rows = _read(tmp_path, identity=mode)
    assert [row.identity if row.reason is None else None for row in rows] == identities
    assert [row.actor for row in rows] == ["A", "A", "B", None]


def test_folders_that_all_paths_share_are_no_identity(tmp_path: Path) -> None:
    _table(tmp_path, "path,valence,arousal", *(f"all/images/{line}" for line in LINES[:3]))
    assert [row.identity for row in _read(tmp_path)] == ["id01", "id01", "id02"]
    assert {row.identity for row in _read(tmp_path, identity="folder")} == {"all"}


def test_images_in_one_folder_are_each_an_identity(tmp_path: Path) -> None:
    _table(tmp_path, "path,valence,arousal", "images/a.jpg,0,0", "images/b.jpg,0,0")
    assert [row.identity for row in _read(tmp_path)] == ["images/a.jpg", "images/b.jpg"]


@pytest.mark.parametrize(("mode", "column"), [("column", "identity"), ("age-group", "age")])
def test_an_identity_that_needs_a_column_asks_for_it(tmp_path: Path, mode: str, column: str) -> None:
    _table(tmp_path, "path,valence,arousal", *LINES)
    with pytest.raises(
        LayoutError, match=f"labels.csv has no column {column}, which --identity {mode} needs"
    ):
        _read(tmp_path, identity=mode)


def test_the_csv_may_lie_deeper_and_its_paths_begin_there(tmp_path: Path) -> None:
    lines = ("id01/a.jpg,0,0", "../b.jpg,0,0")
    _table(tmp_path / "mine.zip/mine", "path,valence,arousal", *lines)
    assert [(row.path, row.reason) for row in _read(tmp_path)] == [
        ("mine.zip/mine/id01/a.jpg", None),
        ("mine.zip/b.jpg", None),
    ]


@pytest.mark.parametrize("path", ["../../a.jpg", "/a.jpg", "\\a.jpg", "C:\\a.jpg", "C:a.jpg"])
def test_a_path_leaves_the_root_wherever_the_csv_lies(tmp_path: Path, path: str) -> None:
    _write(tmp_path / "a.jpg")
    _table(tmp_path / "lists", "path,valence,arousal", f"{path},0,0", images=False)
    assert _reasons(tmp_path) == [f"path leaves the root: {path}"]


def test_paths_may_begin_at_the_root_though_the_csv_lies_deeper(tmp_path: Path) -> None:
    _write(tmp_path / "id01/a.jpg")
    _table(tmp_path, "path,valence,arousal", "id01/a.jpg,0,0", "b.jpg,0,0", name="lists/l.csv", images=False)
    assert [(row.path, row.reason) for row in _read(tmp_path)] == [
        ("id01/a.jpg", None),
        ("lists/b.jpg", "no image"),
    ]


def test_the_csv_of_the_root_goes_before_those_below(tmp_path: Path) -> None:
    _table(tmp_path, "path,valence,arousal", "a.jpg,0,0")
    _table(tmp_path / "old", "path,valence,arousal", "b.jpg,0,0")
    assert [row.path for row in _read(tmp_path)] == ["a.jpg"]


def test_csv_files_of_something_else_do_no_harm(tmp_path: Path) -> None:
    _table(tmp_path, "path,valence,arousal", "a.jpg,0,0")
    _write(tmp_path / "people.csv", "identity,age\nid01,30\n")
    _write(tmp_path / "empty.csv")
    assert len(_read(tmp_path)) == 1


def test_two_csv_files_with_labels_are_listed(tmp_path: Path) -> None:
    for name in ("training.csv", "validation.csv"):
        _table(tmp_path, "path,valence,arousal", "a.jpg,0,0", name=name)
    with pytest.raises(LayoutError, match="2 CSV files with labels") as caught:
        _read(tmp_path)
    assert f"{tmp_path}/training.csv, {tmp_path}/validation.csv" in caught.value.message
    assert "dataset.csv" in caught.value.hint
    assert len(_read(tmp_path, csv="training.csv")) == 1


def test_a_csv_outside_the_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path / "mine/a.jpg")
    file = tmp_path / "mine.csv"
    _table(tmp_path, "path,valence,arousal", "a.jpg,0,0", name=file.name, images=False)
    assert _reasons(tmp_path / "mine", csv=file) == [None]
    monkeypatch.chdir(tmp_path)
    assert _reasons(Path("mine"), csv="mine.csv") == [None]


def test_a_csv_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"cannot read nothing\.csv"):
        _read(tmp_path, csv="nothing.csv")
    with pytest.raises(MissingError, match="no folder"):
        _read(tmp_path / "mine")


def test_images_without_a_csv_get_an_example_of_one(tmp_path: Path) -> None:
    _write(tmp_path / "id01/a.jpg")
    _write(tmp_path / "id02/a.MP4")
    with pytest.raises(
        LayoutError, match=r"no CSV file with labels under .*, but 2 images and videos"
    ) as caught:
        _read(tmp_path)
    example = caught.value.hint.splitlines()[1:]
    _write(tmp_path / "labels.csv", "\n".join(example))
    assert [row.identity for row in _read(tmp_path)] == ["id01", "id02"]


def test_archives_that_are_still_packed_are_mentioned(tmp_path: Path) -> None:
    _write(tmp_path / "mine.rar")
    with pytest.raises(LayoutError, match="but 1 archive") as caught:
        _read(tmp_path)
    assert "unpack" in caught.value.hint


@pytest.mark.parametrize(
    ("header", "lacking"),
    [
        ("path,valence,excitement", "arousal"),
        ("where,valence,arousal", "path"),
        ("identity,age", "path, valence, arousal"),
        ("a.jpg,0.5,0.25", "path, valence, arousal"),
    ],
)
def test_a_csv_without_the_columns_says_which_it_lacks(tmp_path: Path, header: str, lacking: str) -> None:
    _table(tmp_path, header, "a.jpg,0,0")
    with pytest.raises(
        LayoutError, match=f"labels.csv has no column {lacking}; its first line is: "
    ) as caught:
        _read(tmp_path)
    assert header.replace(",", ", ") in caught.value.message


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", LayoutError, "is empty"),
        ("path,valence,arousal\n".encode("utf-16")[:-1], DataError, "is not valid UTF-16"),
        (b'path,valence,arousal\n"a.jpg,0,0\n' + b"x\n" * (1 << 23), DataError, "line"),
    ],
)
def test_a_broken_csv_is_an_error(tmp_path: Path, content: bytes, error: type, message: str) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(error, match=message):
        _read(tmp_path)


def test_long_files_are_read_in_flat_memory(tmp_path: Path) -> None:
    _write(tmp_path / "id01/a.jpg")
    (tmp_path / "id01/b.jpg").symlink_to("a.jpg")

    def peak_bytes(count: int) -> int:
        lines = (f"id01/{'ab'[number % 2]}.jpg,0,0\n" for number in range(count))
        with (tmp_path / "labels.csv").open("w") as file:
            file.write("path,valence,arousal\n")
            file.writelines(lines)
        tracemalloc.start()
        assert sum(1 for _ in read(tmp_path, Options())) == count
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(10)  # what is loaded on first use
    # Buffers of the file do not grow with it; three thousand rows held would be some megabytes.
    assert peak_bytes(3000) < peak_bytes(300) + 100_000


# Small frames keep the drawing fast.
SMALL = {"width_px": 80, "height_px": 80}
LAYOUTS = ("images", "videos", "elim")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_imitation_is_read_in_full_in_every_layout(tmp_path: Path, layout: str) -> None:
    options = SynthOptions(people=2, clips=3, frames=2, layout=layout, **SMALL)
    write(tmp_path, np.random.default_rng(0), options)
    rows = _read(tmp_path)
    assert [row.reason for row in rows] == [None] * 6
    assert Counter(row.identity for row in rows) == {"identity 01": 4, "identity 02": 2}
    assert {row.split for row in rows} == {None}
    keys = [(row.clip, row.frame) for row in rows]
    assert keys == sorted(set(keys), key=keys.index)
    if layout == "videos":
        assert [row.video_frame for row in rows] == [0, 1] * 3
    else:
        assert cv2.imread(str(tmp_path / rows[0].path)).shape == (80, 80, 3)
    assert all((row.age is None) == (row.box is None) == (layout == "elim") for row in rows)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_defect_of_an_imitation_is_counted(tmp_path: Path, layout: str) -> None:
    options = SynthOptions(people=2, clips=4, frames=5, layout=layout, defects=True, **SMALL)
    write(tmp_path, np.random.default_rng(0), options)
    rows = _read(tmp_path)
    kinds = Counter(row.reason.partition(":")[0] for row in rows if row.reason)
    once = (
        *("no label", "label is not a number", "no image", "no path", "unknown split", "no split"),
        *("no identity", "invalid box", "too many fields"),
    )
    twice = ("label out of range", "path leaves the root", "invalid frame number")
    broken = (
        {"unreadable video": 1} if layout == "videos" else {}
    )  # an empty image is found when it is decoded
    assert kinds == dict.fromkeys(once, 1) | dict.fromkeys(twice, 2) | broken
    assert len(rows) == 21
    kept = [row for row in rows if row.reason is None]
    assert {row.split for row in kept} == {"train", "val"}
    assert {row.expression for row in kept} <= {"happiness", "bored"}
    assert [row.age for row in kept].count(None) == 1
    assert [row.box for row in kept].count(None) == (len(kept) if layout == "elim" else 1)
    assert any(Path(row.path).suffix.isupper() for row in kept)


def test_the_same_seed_draws_the_same_tree(tmp_path: Path) -> None:
    for name in ("a", "b"):
        options = SynthOptions(people=1, clips=1, frames=2, layout="videos", **SMALL)
        write(tmp_path / name, np.random.default_rng(3), options)
    files = [file for file in (tmp_path / "a").rglob("*") if file.is_file()]
    assert len(files) == 2
    for file in files:
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()


def test_fewer_clips_than_identities_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="5 clips cannot show 6 identities"):
        write(tmp_path, np.random.default_rng(0), SynthOptions(people=6, clips=5))


def test_too_few_records_for_all_defects_is_a_mistake(tmp_path: Path) -> None:
    options = SynthOptions(people=1, clips=1, frames=1, defects=True, **SMALL)
    with pytest.raises(ConfigError, match="1 records cannot show all defects; wanted 20"):
        write(tmp_path, np.random.default_rng(0), options)


@pytest.mark.parametrize(
    ("name", "meant"), [("identty", "identity"), ("Splitt", "split"), ("expresion", "expression")]
)
def test_a_misspelt_column_is_refused_lest_it_be_lost(tmp_path: Path, name: str, meant: str) -> None:
    _table(tmp_path, f"path,valence,arousal,{name}", "a.jpg,0.5,-0.25,x")
    with pytest.raises(LayoutError, match=f"has an unknown column '{name.lower()}'") as caught:
        _read(tmp_path)
    assert f"rename it to {meant}" in caught.value.hint


def test_columns_of_other_meanings_are_left_alone(tmp_path: Path) -> None:
    _table(tmp_path, "path,valence,arousal,camera,pose,notes", "a.jpg,0.5,-0.25,1,2,3")
    assert len(_read(tmp_path)) == 1
