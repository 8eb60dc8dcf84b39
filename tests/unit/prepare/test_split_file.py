import hashlib
import os
from pathlib import Path

import pytest

from elimctl.errors import DataError, LayoutError, MissingError, Notice
from elimctl.manifest.row import Row
from elimctl.prepare.split_file import SplitFile, digest

ROWS = [
    Row(path="01/001/00000.png", identity="Actor 01", clip="001", frame=0, split="test"),
    Row(path="01/001/00001.png", identity="Actor 01", clip="001", frame=1),
    Row(path="01/002/00000.png", identity="Actor 02", clip="002", frame=0),
    Row(path="01/003/00000.png", identity="Actor 01", clip="003", frame=0),
]


@pytest.fixture
def splits(tmp_path: Path):
    """A function that gives the splits of `ROWS` by the text of a CSV file."""

    def read(text: str | bytes) -> list[str | None]:
        file = tmp_path / "splits.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return SplitFile(file)(ROWS)

    return read


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("path,split\n01/001/00001.png,train\n01/003/00000.png,val\n", [None, "train", None, "val"]),
        ("clip,split\n001,train\n003,test\n", ["train", "train", None, "test"]),
        ("identity,split\nActor 01,val\n", ["val", "val", None, "val"]),
    ],
    ids=["path", "clip", "identity"],
)
def test_rows_are_named_by_path_clip_or_identity(splits, text: str, wanted: list[str | None]) -> None:
    assert splits(text) == wanted


def test_the_column_that_says_most_counts(splits) -> None:
    text = "identity,clip,split\nActor 02,001,train\nActor 02,003,val\n"
    assert splits(text) == ["train", "train", None, "val"]


@pytest.mark.parametrize("written", ["./01/002/00000.png", r"01\002\00000.png", "01//002/./00000.png"])
def test_paths_may_be_written_otherwise(splits, written: str) -> None:
    assert splits(f"path,split\n{written},val\n") == [None, None, "val", None]


@pytest.mark.parametrize("column", ["path", "clip", "identity"])
def test_a_file_that_names_nothing_there_is_told(tmp_path: Path, column: str) -> None:
    file = tmp_path / "splits.csv"
    file.write_text(f"{column},split\nelsewhere,val\n", encoding="utf-8")
    own = SplitFile(file)
    assert own(ROWS) == [None] * 4
    with pytest.raises(DataError, match=rf"splits\.csv names no {column} that was found"):
        own.check()


def test_a_file_that_names_one_row_of_many_is_good(tmp_path: Path) -> None:
    file = tmp_path / "splits.csv"
    file.write_text("path,split\nelsewhere,val\n01/003/00000.png,val\n", encoding="utf-8")
    own = SplitFile(file)
    for row in (*ROWS, ROWS[0]):
        own([row])
    with pytest.warns(Notice, match="splits.csv: 1 of 2 names in column path were not found"):
        own.check()


def test_columns_are_found_whatever_their_order_case_and_separator(splits) -> None:
    text = "\ufeffNote; SPLIT ;Clip\r\nx; train ; 001 \r\n\r\ny;val;002\r\n"
    assert splits(text) == ["train", "train", "val", None]


@pytest.mark.parametrize(
    ("word", "split"),
    [
        *[("train", "train"), ("Training", "train"), ("VAL", "val"), ("validation", "val"), ("dev", "val")],
        *[("valid", "val"), (" test ", "test"), ("testing", "test")],
    ],
)
def test_words_for_a_split_are_understood(splits, word: str, split: str) -> None:
    assert splits(f"clip,split\n002,{word}\n") == [None, None, split, None]


@pytest.mark.parametrize("word", ["fold 1", "", "trian"])
def test_an_unknown_word_is_named_with_those_that_are_known(splits, word: str) -> None:
    with pytest.raises(DataError, match=rf"splits\.csv names the split '{word}'; wanted train, val, test"):
        splits(f"clip,split\n002,{word}\n")


def test_something_named_twice_with_the_same_split_is_no_error(splits) -> None:
    assert splits("clip,split\n002,val\n002,validation\n") == [None, None, "val", None]


@pytest.mark.parametrize("between", [0, 2500], ids=["next to each other", "far apart"])
def test_something_named_twice_with_different_splits_is_an_error(splits, between: int) -> None:
    others = "".join(f"other {number},test\n" for number in range(between))
    with pytest.raises(DataError, match=r"puts 'Actor 01' into train and into val"):
        splits(f"identity,split\nActor 01,train\n{others}Actor 01,val\n")


def test_names_that_are_not_utf_8_are_matched(tmp_path: Path) -> None:
    (tmp_path / "splits.csv").write_bytes(b"path,split\nna\xefve.png,val\n")
    row = Row(path=os.fsdecode(b"na\xefve.png"), identity="a", clip="a", frame=0)
    assert SplitFile(tmp_path / "splits.csv")([row]) == ["val"]
    (tmp_path / "splits.csv").write_bytes(b"path,split\nna\xefve.png,val\nna\xefve.png,test\n")
    with pytest.raises(DataError, match=r"puts 'na\\\\xefve\.png' into val and into test"):
        SplitFile(tmp_path / "splits.csv")


def test_names_are_matched_in_another_spelling_and_exact_ones_first(tmp_path: Path) -> None:
    file = tmp_path / "splits.csv"
    lines = ["e\u0301.png,val", "Mixed.jpg,test", "a.png,val", "A.png,test", "cafe\u0301.png,val"]
    file.write_text("\n".join(["path,split", *lines, ""]), encoding="utf-8")
    own = SplitFile(file)
    paths = ["\xe9.png", "mixed.JPG", "a.png", "A.png", "A.PNG", "caf\udce9.png", "\ufb01.png"]
    rows = [Row(path=path, identity=path, clip=path, frame=0) for path in paths]
    assert own(rows) == ["val", "test", "val", "test", None, "val", None]
    own.check()


@pytest.mark.parametrize(("written", "named"), [("Jose\u0301", "Jos\xe9"), ("Jos\xe9", "Jose\u0301 ")])
def test_identities_of_splits_are_matched_in_either_form_but_not_in_another_case(
    tmp_path: Path, written: str, named: str
) -> None:
    file = tmp_path / "splits.csv"
    file.write_text(f"identity,split\n{written},val\n", encoding="utf-8")
    rows = [Row(path="a", identity=name, clip="a", frame=0) for name in (named, named.upper())]
    assert SplitFile(file)(rows) == ["val", None]


def test_many_records_are_all_found(tmp_path: Path) -> None:
    lines = "".join(f"{number},{('train', 'val')[number % 2]}\n" for number in range(2500))
    (tmp_path / "splits.csv").write_text(f"clip,split\n{lines}", encoding="utf-8")
    rows = [Row(path="x", identity="x", clip=str(number), frame=0) for number in range(2501)]
    assert SplitFile(tmp_path / "splits.csv")(rows) == [*(["train", "val"] * 1250), None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "split,name\ntrain,001\n",
            "has the columns split, name; wanted split and one of path, clip, identity",
        ),
        ("clip,part\n001,train\n", "no header with any of the columns split"),
        ("", "is empty"),
    ],
)
def test_missing_columns_are_named(splits, text: str, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        splits(text)


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"gone\.csv"):
        SplitFile(tmp_path / "gone.csv")


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "splits.csv").write_bytes(b"clip,split\n")
    assert digest(tmp_path / "splits.csv") == hashlib.sha256(b"clip,split\n").hexdigest()
