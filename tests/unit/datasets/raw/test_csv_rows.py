import csv
import os
import posixpath
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.datasets.raw import csv_rows
from elimctl.datasets.raw.csv_rows import column_name, inside, open_table
from elimctl.errors import DataError, LayoutError, MissingError


def _write(folder: Path, content: str | bytes) -> Path:
    file = folder / "list.csv"
    file.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize(
    "content",
    [
        "path,valence\na.jpg,0.5\nb.jpg,-1\n",
        "path,valence\r\na.jpg,0.5\r\nb.jpg,-1\r\n\r\n\n  \n",
        "\ufeffpath,valence\ra.jpg,0.5\rb.jpg,-1",
        "# Path , VALENCE\n a.jpg , 0.5 \nb.jpg,-1",
        '"path","valence"\n"a.jpg","0.5"\n\n"b.jpg","-1"\n,\n',
        "path;valence\na.jpg;0.5\nb.jpg;-1\n",
        "path\tvalence\na.jpg\t0.5\nb.jpg\t-1\n",
        "valence,other,path\n0.5,x,a.jpg\n-1,y,b.jpg,surplus\n",
    ],
)
def test_columns_are_found_by_name_however_the_file_is_written(tmp_path: Path, content: str) -> None:
    table = open_table(_write(tmp_path, content), {"path"})
    assert {"path", "valence"} <= set(table.columns)
    assert list(table.select("path", "valence")) == [("a.jpg", "0.5"), ("b.jpg", "-1")]


def test_a_file_without_a_header_keeps_its_first_record(tmp_path: Path) -> None:
    table = open_table(_write(tmp_path, "1/a.jpg,0.5\n1/b.jpg,1\n"), {"path"}, headless=("path", "valence"))
    assert list(table.select("path", "valence")) == [("1/a.jpg", "0.5"), ("1/b.jpg", "1")]


def test_semicolons_inside_a_field_do_not_separate(tmp_path: Path) -> None:
    file = _write(tmp_path, "1/a.jpg,1;2;3;4,0.5\n")
    assert list(open_table(file, {"path"}, headless=("path", "points", "valence")).records) == [
        ["1/a.jpg", "1;2;3;4", "0.5"]
    ]


def test_columns_that_are_missing_and_short_records_are_empty(tmp_path: Path) -> None:
    table = open_table(_write(tmp_path, "path,valence\na.jpg\nb.jpg,1\n"), {"path"})
    assert list(table.select("age", "valence", "path")) == [("", "", "a.jpg"), ("", "1", "b.jpg")]


def test_a_quoted_nothing_is_a_value_and_a_blank_line_is_not(tmp_path: Path) -> None:
    assert list(open_table(_write(tmp_path, 'age\n31\n""\n\n7\n'), {"age"}).select("age")) == [
        ("31",),
        ("",),
        ("7",),
    ]


def test_a_name_that_is_not_utf8_still_names_its_file(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    (tmp_path / name).touch()
    [(read,)] = open_table(_write(tmp_path, b"path,x\ncaf\xe9.jpg,1\n"), {"path"}).select("path")
    assert (tmp_path / read).is_file()


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(LayoutError, match=r"list.csv is empty"):
        open_table(_write(tmp_path, content), {"path"})


def test_a_header_without_any_known_name_is_refused(tmp_path: Path) -> None:
    file = _write(tmp_path, "picture,v\na.jpg,0.5\n")
    for headless in (None, ("path", "valence")):
        with pytest.raises(
            LayoutError, match="no header with any of the columns path, valence; its first line is"
        ) as caught:
            open_table(file, {"valence", "path"}, headless=headless)
        assert "picture" in caught.value.message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_utf16_is_read(tmp_path: Path, encoding: str, mark: str) -> None:
    content = f"{mark if encoding != 'utf-16' else ''}path\tvalence\r\n\xe9.jpg\t0,5\r\n".encode(encoding)
    assert list(open_table(_write(tmp_path, content), {"path"}).records) == [["\xe9.jpg", "0,5"]]


@pytest.mark.parametrize("mark", [";", ",", "\t", "|"])
@pytest.mark.parametrize("quoted", [False, True])
def test_a_header_that_holds_other_delimiters_is_parted_by_its_own(
    tmp_path: Path, mark: str, quoted: bool
) -> None:
    other = ";" if mark == "," else ","
    note = f'"notes{other} x{mark}\ny{other}"' if quoted else f"notes{other} x{other}y{other}z"
    table = open_table(
        _write(tmp_path, f"path{mark}valence{mark}{note}\na.jpg{mark}0.5{mark}1{other}2\n"),
        {"path", "valence"},
    )
    assert table.columns[:2] == ("path", "valence")
    assert list(table.records) == [["a.jpg", "0.5", f"1{other}2"]]


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_line_that_tells_excel_the_delimiter_is_obeyed(
    tmp_path: Path, first: str, end: str, mark: str
) -> None:
    text = f"{mark}{first}{end}path;valence,x{end}a,b.jpg;0,5{end}"
    assert list(open_table(_write(tmp_path, text), {"path"}).records) == [["a,b.jpg", "0,5"]]


def test_any_mark_may_be_named_as_the_delimiter(tmp_path: Path) -> None:
    for line, mark in (("sep=~", "~"), ("sep=\t", "\t"), (r"sep=\t", "\t"), ("sep=|", "|")):
        file = _write(tmp_path, f"{line}\npath{mark}x\na,b;c.jpg{mark}1\n")
        assert list(open_table(file, {"path"}).records) == [["a,b;c.jpg", "1"]]


def test_lines_before_the_header_that_are_blank_do_not_choose_the_delimiter(tmp_path: Path) -> None:
    assert open_table(_write(tmp_path, "\n\r\npath;x\n"), {"path"}).columns == ("path", "x")


def test_decimal_commas_of_a_file_without_a_header_do_not_separate(tmp_path: Path) -> None:
    file = _write(tmp_path, "a.jpg;0,5;-0,25\n")
    records = open_table(file, {"path"}, headless=("path", "valence", "arousal")).records
    assert list(records) == [["a.jpg", "0,5", "-0,25"]]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"cannot read .*list.csv"):
        open_table(tmp_path / "list.csv", {"path"})


def test_a_field_longer_than_pythons_own_limit_is_read(tmp_path: Path) -> None:
    file = _write(tmp_path, f"path,x\na.jpg,{'1' * 200_000}\n")
    [(path, value)] = open_table(file, {"path"}).select("path", "x")
    assert (path, len(value)) == ("a.jpg", 200_000)


def test_a_quote_that_is_never_closed_is_found_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_rows, "MAX_FIELD_CHARACTERS", 10_000)  # as it is, the test would write 16 MiB
    file = _write(tmp_path, 'path,x\na.jpg,"1\n' + "b.jpg,2\n" * 5000)
    with pytest.raises(DataError, match=r"list.csv, line \d+: field larger than") as caught:
        list(open_table(file, {"path"}).records)
    assert "quote" in caught.value.hint
    csv.field_size_limit(csv_rows.MAX_FIELD_CHARACTERS)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(records: int) -> int:
        file = _write(tmp_path, "path,x\n" + "a.jpg,0.125\n" * records)
        tracemalloc.start()
        assert sum(1 for _ in open_table(file, {"path"}).select("path", "x")) == records
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak(10)  # what is made once
    # 20,000 records more would take 2 MB as strings; 100 kB are buffers that need not be filled at first
    assert peak(20_100) < peak(100) + 100_000


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("1/a.jpg", "1/a.jpg"),
        ("1\\a.jpg", "1/a.jpg"),
        ("./1//a.jpg", "1/a.jpg"),
        ("1/../2/a.jpg", "2/a.jpg"),
        ("..a/b..jpg", "..a/b..jpg"),
        ("1/a b é.jpg", "1/a b é.jpg"),
        ("../a.jpg", None),
        ("1/../../a.jpg", None),
        ("1\\..\\..\\a.jpg", None),
        ("/etc/hostname", None),
        ("//server/share/a.jpg", None),
        ("\\\\server\\a.jpg", None),
        ("C:\\a.jpg", None),
        ("c:a.jpg", None),
        ("..", None),
        (".", None),
        ("1/..", None),
        ("", None),
        ("a\0.jpg", None),
    ],
)
def test_a_path_stays_below_the_root_or_is_none(text: str, path: str | None) -> None:
    assert inside(text) == path


@given(st.lists(st.sampled_from(["a", "b.jpg", "..", ".", "", "..."]), max_size=8), st.sampled_from("/\\"))
def test_what_is_inside_never_climbs_out(parts: list[str], separator: str) -> None:
    path = inside(separator.join(parts))
    if path is not None:
        joined = posixpath.normpath(posixpath.join("/root", path))
        assert joined.startswith("/root/")
        assert inside(path) == path


def test_names_of_columns_lose_marks_blanks_and_case() -> None:
    assert column_name("#subDirectory_filePath") == "subdirectory_filepath"
    assert column_name(" # Age ") == "age"
