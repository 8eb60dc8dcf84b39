import warnings
from pathlib import Path
from typing import Any

import pytest

from elimctl.config import validate
from elimctl.datasets import folder_identity
from elimctl.datasets.folder import Options, read
from elimctl.datasets.folder_levels import level_kind
from elimctl.errors import ConfigError, LayoutError, Notice

PEOPLE = [f"p{person}/{picture}.jpg" for person in range(5) for picture in range(4)]
BY_PERSON = [path.split("/")[0] for path in PEOPLE]


def _read(root: Path, header: str, lines: list[str], **options: Any) -> tuple[list[str], set, str]:
    """Identities of the rows, what tells them, and the notices."""
    (root / "labels.csv").write_text("\n".join([header, *lines, ""]))
    for line in lines:
        file = root / line.split(",")[0]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", Notice)
        rows = list(read(root, validate(Options, options, where="dataset")))
    identities = [row.identity if row.reason is None else row.reason for row in rows]
    return identities, {row.identity_from for row in rows}, " ".join(str(one.message) for one in told)


@pytest.mark.parametrize("name", ["id", "subject_id", "identity", "person"])
@pytest.mark.parametrize("value", [lambda n: n, lambda n: n + 1, lambda n: f"{n * 2654435761:08x}"])
def test_a_column_that_differs_in_every_line_gives_way_to_folders(tmp_path: Path, name: str, value) -> None:
    lines = [f"{path},0,0,{value(number)}" for number, path in enumerate(PEOPLE)]
    identities, source, told = _read(tmp_path, f"path,valence,arousal,{name}", [*lines, lines[3]])
    assert identities == [*BY_PERSON, "p0"]
    assert source == {"folder 1 of the path"}
    assert told == (
        f"column {name} differs in every line, so it does not name people; "
        "identities come from folder 1 of the path"
    )


def test_whoever_insists_gets_the_column(tmp_path: Path) -> None:
    lines = [f"{path},0,0,{number}" for number, path in enumerate(PEOPLE)]
    wanted = ([str(number) for number in range(20)], {"column id"}, "")
    assert _read(tmp_path, "path,valence,arousal,id", lines, identity="column") == wanted
    assert _read(tmp_path, "path,valence,arousal,id", lines, columns={"identity": "id"}) == wanted


def test_a_column_that_nearly_counts_lines_is_an_error_that_names_it(tmp_path: Path) -> None:
    lines = [f"{path},0,0,{max(number, 1)}" for number, path in enumerate(PEOPLE)]
    message = "18 of 19 values of column id occur only once, but there are 5 folders"
    with pytest.raises(LayoutError, match=message) as caught:
        _read(tmp_path, "path,valence,arousal,id", lines)
    assert (
        caught.value.hint
        == "use --identity column if the column names people, --identity folder if the folders do"
    )
    assert _read(tmp_path, "path,valence,arousal,id", lines, identity="folder")[0] == BY_PERSON


def test_another_column_of_people_goes_before_folders(tmp_path: Path) -> None:
    lines = [f"{path},0,0,{number},s{number % 2}" for number, path in enumerate(PEOPLE)]
    identities, source, told = _read(tmp_path, "path,valence,arousal,subject,id", lines)
    assert (set(identities), source) == ({"s0", "s1"}, {"column id"})
    assert (
        "column subject differs in every line, so it does not name people; identities come from column id"
        in told
    )


def test_people_with_one_image_each_keep_their_names(tmp_path: Path) -> None:
    lines = [f"{number}.jpg,0,0,s{number}" for number in range(9)]
    identities, source, told = _read(tmp_path, "path,valence,arousal,subject", lines)
    assert (identities[:2], source) == (["s0", "s1"], {"column subject"})
    assert told == "column subject differs in every line, so no identity has a second image"


@pytest.mark.parametrize(
    ("name", "wanted"), [("subject", ["0", "1", "2", "3"]), ("id", ["g0.jpg"] * 2 + ["g1.jpg"] * 2)]
)
def test_several_people_in_one_image_are_several_where_they_have_names(
    tmp_path: Path, name: str, wanted: list[str]
) -> None:
    lines = [f"g{person // 2}.jpg,0,0,{person},{9 * person},0,9,9" for person in range(4)]
    identities, _, _ = _read(tmp_path, f"path,valence,arousal,{name},x,y,w,h", lines)
    assert identities == wanted


def test_one_line_tells_nothing_of_its_column(tmp_path: Path) -> None:
    assert _read(tmp_path, "path,valence,arousal,id", ["a/b.jpg,0,0,7"]) == (["7"], {"column id"}, "")


def test_frames_that_are_numbered_are_those_of_their_video(tmp_path: Path) -> None:
    lines = [f"v{number // 5}.mp4,0,0,{number},{number % 5}" for number in range(10)]
    identities, source, told = _read(tmp_path, "path,valence,arousal,id,frame", lines)
    assert (identities, source) == (["v0.mp4"] * 5 + ["v1.mp4"] * 5, {"file"})
    assert "column id differs in every line, so it does not name people; each file is an identity." in told


@pytest.mark.parametrize(("name", "source"), [("subject", "column subject"), ("id", "folder 1 of the path")])
def test_people_with_one_video_each_keep_their_names(tmp_path: Path, name: str, source: str) -> None:
    lines = [
        f"session{number // 4}/{number}.mp4,x,0,s{number}" for number in range(8)
    ]  # no label: not opened
    (tmp_path / "l.csv").write_text("\n".join([f"path,valence,arousal,{name}", *lines, ""]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        assert {row.identity_from for row in read(tmp_path, Options())} == {source}


@pytest.mark.parametrize("word", ["", "NA", "nan", "NULL", "None", "-", "n/a"])
def test_missing_names_are_nobody(tmp_path: Path, word: str) -> None:
    lines = [f"{number}.jpg,0,0,{['a', 'b', word][number % 3]}" for number in range(6)]
    identities, _, _ = _read(tmp_path, "path,valence,arousal,identity", lines)
    assert identities == ["a", "b", "no identity"] * 2


@pytest.mark.parametrize(
    ("folders", "wanted", "source", "told"),
    [
        (("happy", "sad", "anger"), None, "file", "names classes, not people; each file is an identity"),
        (("0_neutral", "1_happy"), None, "file", "names classes"),
        (("train", "val"), None, "file", "names splits"),
        (("train", "val", "happy", "sad"), None, "file", "not people"),
        (("images_001", "images_002"), None, "file", "names parts"),
        (("train/happy", "val/sad"), None, "file", "folder 2 of the path (happy, sad) names classes"),
        (("train/ann", "val/bob"), ["ann", "bob"], "folder 2 of the path", "identities come from folder 2"),
        (("ann/happy", "bob/sad"), ["ann", "bob"], "folder 1 of the path", ""),
        (
            ("0", "1", "2"),
            ["0", "1", "2"],
            "folder 1 of the path",
            "folders 0, 1, 2 may number parts",
        ),
        (("id01", "id02"), ["id01", "id02"], "folder 1 of the path", ""),
        (("Joy", "Ann", "Bob"), ["Joy", "Ann", "Bob"], "folder 1 of the path", ""),
    ],
)
def test_folders_that_are_no_people_do_not_pass_for_them_without_a_word(
    tmp_path: Path, folders: tuple[str, ...], wanted: list[str] | None, source: str, told: str
) -> None:
    paths = [f"{folder}/{name}.jpg" for folder in folders for name in "ab"]
    identities, found, notices = _read(tmp_path, "path,valence,arousal", [f"{path},0,0" for path in paths])
    assert identities == (paths if wanted is None else [name for name in wanted for _ in "ab"])
    assert found == {source}
    assert told in notices if told else notices == ""
    if told and source == "file":
        assert "--set dataset.identity_pattern=REGEX" in notices


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["AN", "DI", "HA"], "classes"),
        (["Training_Set", "Validation_Set"], "splits"),
        (["part1", "part2", "misc"], "parts"),
        (["001", "002"], "numbers"),
        (["session1", "session2"], None),
        (["video1", "video2"], None),
        (["Dev", "Joy", "Ann", "Bob", "Eve"], None),
    ],
)
def test_levels_of_folders_are_told_by_their_names(names: list[str], kind: str | None) -> None:
    assert level_kind(names) == kind


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(\d+)_",
        r"(?P<identity>\d+)_(.)",
        r"^(?:[^/]+/)*(\d+)_",
        r"(?P<x>.*/)?(?P<identity>\d+)_",
        r"_?(\d)(?=_[ab]\.jpg)",
    ],
)
def test_a_pattern_of_the_path_tells_the_identity(tmp_path: Path, pattern: str) -> None:
    lines = ["7_a.jpg,0,0,x", "7_b.jpg,0,0,y", "8_a.jpg,0,0,x", "other.jpg,0,0,x"]
    assert _read(tmp_path, "path,valence,arousal,identity", lines, identity_pattern=pattern) == (
        ["7", "7", "8", "no identity"],
        {"dataset.identity_pattern"},
        "",
    )


def test_a_pattern_may_match_anywhere_in_the_path(tmp_path: Path) -> None:
    lines = ["take1/by_ann.jpg,0,0", "take2/by_bob.jpg,0,0"]
    identities, _, _ = _read(tmp_path, "path,valence,arousal", lines, identity_pattern=r"by_(\w+)\.")
    assert identities == ["ann", "bob"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"identity_pattern": "("}, "invalid regular expression"),
        ({"identity_pattern": r"\d+"}, "has 0 groups; expected one"),
        ({"identity_pattern": "(a)(b)"}, "has 2 groups; expected one"),
        ({"identity_pattern": "(a)", "identity": "folder"}, "cannot be combined"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_named(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(Options, options, where="dataset")


def test_a_pattern_that_does_not_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_identity, "SEARCH_LIMIT_S", 0.2)
    with pytest.raises(ConfigError, match=r"needs more than 0.2 s for one path"):
        _read(tmp_path, "path,valence,arousal", ["a" * 60 + ".jpg,0,0"], identity_pattern="^(a+)+$")


def test_folders_of_paths_that_climb_out_of_the_lists_folder_are_those_of_people(tmp_path: Path) -> None:
    lines = [f"../images/{path},0,0" for path in PEOPLE]
    for path in PEOPLE:
        (tmp_path / "images" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / path).touch()
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "l.csv").write_text("\n".join(["path,valence,arousal", *lines, ""]))
    rows = list(read(tmp_path, Options()))
    assert [row.identity for row in rows] == BY_PERSON
    assert {(row.identity_from, row.reason) for row in rows} == {("folder 2 of the path", None)}
    by_pattern = read(tmp_path, Options(identity_pattern="^images/([^/]+)/"))
    assert [row.identity for row in by_pattern] == BY_PERSON


def test_one_folder_written_in_two_cases_is_one_identity(tmp_path: Path) -> None:
    for name in ("ID1/a.jpg", "ID1/b.jpg", "x2/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "l.csv").write_text("path,valence,arousal\nid1/a.jpg,0,0\nId1/b.jpg,0,0\nx2/a.jpg,0,0\n")
    assert [row.identity for row in read(tmp_path, Options())] == ["ID1", "ID1", "x2"]
