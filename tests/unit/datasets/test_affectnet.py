import csv
import hashlib
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from elimctl.datasets.affectnet import Options, read
from elimctl.errors import ConfigError, LayoutError, MissingError
from elimctl.faces.image import decode
from elimctl.manifest.row import EXPRESSIONS, NO_GROUP, Row
from elimctl.synthetic import affectnet
from elimctl.synthetic.affectnet import Options as SynthOptions
from elimctl.synthetic.affectnet import write
from elimctl.synthetic.affectnet_defects import IN_IMAGES, IN_LIST
from elimctl.synthetic.stills import Still, draw_stills

HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)
LANDMARKS = [[10.25 + i, 20.5 + i % 7] for i in range(68)]
POINTS = ";".join(f"{value:.2f}" for point in LANDMARKS for value in point)


_DRAWN: dict[tuple[Any, ...], list[Still]] = {}


@pytest.fixture(autouse=True)
def _drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw for the first test that wants a picture: drawing takes longer than all the rest."""

    def draw(rng: np.random.Generator, **options: Any) -> list[Still]:
        key = tuple(options.items())
        if key not in _DRAWN:
            _DRAWN[key] = list(draw_stills(rng, **options))
        return _DRAWN[key]

    monkeypatch.setattr(affectnet, "draw_stills", draw)


def _record(path: str, **changes: Any) -> str:
    values = dict(zip(HEADER.split(","), [path, 10, 20, 30, 40, POINTS, 1, 0.5, -0.25], strict=True))
    return ",".join(str(value) for value in (values | changes).values())


def _list(file: Path, *lines: str, ending: str = "\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes("".join(line + ending for line in lines).encode())
    return file


def _images(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"image")


def _read(root: Path, **options: Any) -> list[Row]:
    return list(read(root, Options(**options)))


def _made(root: Path, **options: Any) -> Path:
    """A synthetic dataset of small images."""
    options = {"clips": 12, "frames": 1, "people": 4, "width_px": 40, "height_px": 40} | options
    write(root, np.random.default_rng(0), SynthOptions(**options))
    return root


def _facts(rows: list[Row]) -> list[tuple[Any, ...]]:
    """What the rows say, without where their images are."""
    return [
        (row.clip, row.valence, row.arousal, row.expression, row.box, row.split, row.reason) for row in rows
    ]


def test_a_record_becomes_a_row(tmp_path: Path) -> None:
    _images(tmp_path, "689/aa.jpg")
    _list(tmp_path / "training.csv", HEADER, _record("689/aa.jpg"))
    [row] = _read(tmp_path)
    assert (row.path, row.clip, row.identity, row.frame) == ("689/aa.jpg", "689/aa", "689/aa", 0)
    assert (row.valence, row.arousal, row.expression, row.split) == (0.5, -0.25, "happiness", "train")
    assert row.box == (10, 20, 40, 60)  # x before y, width before height
    assert row.landmarks is not None
    np.testing.assert_array_equal(row.landmarks, np.float32(LANDMARKS))
    assert (row.age, row.age_group, row.cropped, row.reason) == (None, None, False, None)


@pytest.mark.parametrize("header", [None, HEADER, f"#{HEADER}", HEADER.upper()])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_all_5500_validation_images_come_out(tmp_path: Path, header: str | None, ending: str) -> None:
    _images(tmp_path, "1/0.jpg")
    records = [_record(f"1/{number}.jpg", facial_landmarks="") for number in range(5500)]
    _list(tmp_path / "validation.csv", *([header] if header else []), *records, "", ending=ending)
    rows = _read(tmp_path)
    assert len(rows) == 5500
    assert [row.clip for row in rows] == [f"1/{number}" for number in range(5500)]
    assert [row.reason for row in rows[:2]] == [None, "no image"]
    assert {row.split for row in rows} == {"val"}


def test_columns_in_another_order_are_found_by_name(tmp_path: Path) -> None:
    _images(tmp_path, "1/a.jpg")
    header = "Arousal,age,VALENCE,face_height,face_width,face_y,face_x,subDirectory_filePath"
    _list(tmp_path / "training.csv", header, "-0.25,31,0.5,40,30,20,10,1/a.jpg")
    [row] = _read(tmp_path)
    assert (row.valence, row.arousal, row.box, row.age) == (0.5, -0.25, (10, 20, 40, 60), 31)
    assert (row.expression, row.landmarks, row.reason) == (None, None, None)


def test_a_tenth_column_without_a_header_is_the_age(tmp_path: Path) -> None:
    _images(tmp_path, "1/a.jpg", "1/b.jpg")
    _list(tmp_path / "training.csv", _record("1/a.jpg") + ",31.5", _record("1/b.jpg") + ",0.0")
    rows = _read(tmp_path, identity="age-group")
    assert [(row.age, row.age_group, row.identity) for row in rows] == [
        (31.5, "30-39", "30-39"),
        (None, None, NO_GROUP),
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "subDirectory_filePath,face_x",
            "has no column valence, arousal; its columns are subdirectory_filepath, face_x",
        ),
        ("expression,valence,arousal", "has no column subdirectory_filepath"),
        ("picture,v,a", "no header with any of"),
    ],
)
def test_a_list_that_lacks_columns_is_named(tmp_path: Path, header: str, message: str) -> None:
    _images(tmp_path, "1/a.jpg")
    _list(tmp_path / "training.csv", header, "1/a.jpg,0.5,0.5")
    with pytest.raises(LayoutError, match=message) as caught:
        _read(tmp_path)
    assert str(tmp_path / "training.csv") in caught.value.message


@pytest.mark.parametrize("layout", ["inside", "compressed", "flat", "doubled"])
def test_every_layout_holds_the_same_rows(tmp_path: Path, layout: str) -> None:
    official = _read(_made(tmp_path / "official"))
    found = _read(_made(tmp_path / layout, layout=layout))
    assert _facts(found) == _facts(official)
    assert [row.reason for row in found] == [None] * 12
    assert all((tmp_path / layout / row.path).is_file() for row in found)


@pytest.mark.parametrize("header", ["names", "hash"])
@pytest.mark.parametrize("crlf", [False, True])
def test_every_way_to_write_the_lists_gives_the_same_rows(tmp_path: Path, header: str, crlf: bool) -> None:
    plain = _read(_made(tmp_path / "plain"))
    assert _facts(_read(_made(tmp_path / "other", validation_header=header, crlf=crlf))) == _facts(plain)


def test_one_level_out_finds_the_same_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _made(tmp_path / "a" / "raw")
    inner = _read(tmp_path / "a" / "raw")
    assert [tmp_path / row.path for row in _read(tmp_path)] == [
        tmp_path / "a" / "raw" / row.path for row in inner
    ]
    monkeypatch.chdir(tmp_path / "a" / "raw")
    assert [row.path for row in _read(Path())] == [row.path for row in inner]


def test_lists_may_be_anywhere_and_spelt_otherwise(tmp_path: Path) -> None:
    _images(tmp_path / "a" / "b", "12/x.jpg")
    _images(tmp_path / "AUTOMATICALLY_annotated_images", "12/y.jpg")
    _list(tmp_path / "lists.zip" / "Training.CSV", _record("12/x.jpg"))
    _list(tmp_path / "deep" / "er" / "Automatically Annotated.csv", _record("12/y.jpg"))
    assert [row.path for row in _read(tmp_path, annotated="both")] == [
        "a/b/12/x.jpg",
        "AUTOMATICALLY_annotated_images/12/y.jpg",
    ]


def test_the_annotation_of_the_training_images_can_be_chosen(tmp_path: Path) -> None:
    root = _made(tmp_path, automatic=True)

    def counts(annotated: str) -> Counter[tuple[str | None, bool]]:
        rows = _read(root, annotated=annotated)
        assert [row.reason for row in rows] == [None] * len(rows)
        return Counter((row.split, "Automatic" in row.path) for row in rows)

    manual, automatic, both = counts("manual"), counts("automatic"), counts("both")
    assert manual.keys() == {("train", False), ("val", False)}
    assert automatic.keys() == {("train", True), ("val", False)}
    assert both == manual | automatic
    assert both.total() == 12


def test_the_same_name_in_both_annotations_is_looked_for_in_its_own(tmp_path: Path) -> None:
    for folder, name in (
        ("Manually_Annotated_Images", "training"),
        ("Automatically_Annotated_Images", "both"),
    ):
        _images(tmp_path / folder, "1/a.jpg")
        list_name = "training" if name == "training" else "automatically_annotated"
        _list(tmp_path / f"{list_name}.csv", _record("1/a.jpg"))
    assert [row.path for row in _read(tmp_path, annotated="both")] == [
        "Manually_Annotated_Images/1/a.jpg",
        "Automatically_Annotated_Images/1/a.jpg",
    ]


def test_a_list_that_is_there_twice_is_listed(tmp_path: Path) -> None:
    _images(tmp_path, "1/a.jpg")
    files = [_list(tmp_path / name / "training.csv", _record("1/a.jpg")) for name in "xy"]
    with pytest.raises(LayoutError, match=r"found training.csv 2 times") as caught:
        _read(tmp_path)
    assert f"{files[0]}, {files[1]}" in caught.value.message
    files[0].unlink()
    assert len(_read(tmp_path)) == 1


def test_images_that_are_there_twice_are_listed(tmp_path: Path) -> None:
    for name in ("Manually_Annotated", "Manually_Annotated_compressed"):
        _images(tmp_path / name, "1/a.jpg")
    _list(tmp_path / "training.csv", _record("1/a.jpg"))
    with pytest.raises(LayoutError, match="found the same image 2 times") as caught:
        _read(tmp_path)
    assert str(tmp_path / "Manually_Annotated_compressed" / "1" / "a.jpg") in caught.value.message


def test_images_in_parts_are_found_in_each(tmp_path: Path) -> None:
    _images(tmp_path / "part1", "1/a.jpg", "1/c.jpg")
    _images(tmp_path / "part2", "2/b.jpg")
    _list(tmp_path / "training.csv", *map(_record, ("1/a.jpg", "2/b.jpg", "1/c.jpg")))
    assert [row.path for row in _read(tmp_path)] == ["part1/1/a.jpg", "part2/2/b.jpg", "part1/1/c.jpg"]


def test_a_list_may_say_more_of_the_path(tmp_path: Path) -> None:
    _images(tmp_path / "raw" / "Manually_Annotated_Images", "1/a.jpg")
    _list(tmp_path / "training.csv", _record("Manually_Annotated_Images/1/a.jpg"))
    assert [row.path for row in _read(tmp_path)] == ["raw/Manually_Annotated_Images/1/a.jpg"]


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ([], {}, "no list training.csv or validation.csv under {root}$"),
        (["1/a.jpg"], {}, "no list training.csv or validation.csv under {root}$"),
        (["Manually_Annotated.part01.rar"], {}, "under {root}, but 1 archive"),
        (["training.csv"], {}, "no folder of images <number>/ under {root}$"),
        (
            ["training.csv", "a.rar", "b.rar"],
            {},
            "no folder of images <number>/ under {root}, but 2 archives",
        ),
        (
            ["training.csv", "1/a.jpg"],
            {"annotated": "both"},
            "no list automatically_annotated.csv under {root}$",
        ),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, files: list[str], options: dict, message: str) -> None:
    _images(tmp_path, *files)
    with pytest.raises(LayoutError, match=message.format(root=tmp_path)) as caught:
        _read(tmp_path, **options)
    assert ("unpack" in caught.value.hint) == ("archive" in message)


def test_a_missing_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no folder"):
        _read(tmp_path / "raw")


def test_defects_in_the_list_give_each_its_reason(tmp_path: Path) -> None:
    root = _made(tmp_path, clips=40, defects=True)
    rows = _read(root)[: len(IN_LIST)]
    assert [row.reason for row in rows] == [
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        "no label: valence is -2",
        "no label: valence is -2",
        "no label: expression is uncertain",
        "no label: valence is -2",
        "no label: valence",
        "label out of range: arousal is 1.5, expected -1 to 1",
        "label is not a number: valence is 'high'",
        "unknown class of expression: '42', expected 0 to 10",
        "path leaves the root: /etc/hostname",
        "path leaves the root: ../../../outside.jpg",
        "no path",
    ]
    assert [row.box is None for row in rows[:4]] == [True, True, True, False]
    assert rows[3].box is not None
    assert rows[3].box[0] == -20
    assert rows[3].box[2] == 4980
    assert [row.landmarks is None for row in rows[3:7]] == [False, True, True, False]
    assert [row.expression for row in rows[6:10]] == ["none", "uncertain", "no face", "uncertain"]
    assert rows[6].valence is not None
    assert rows[7].valence is None
    # what leads out of the root is not in any path
    assert [row.path for row in rows[15:]] == [f"training.csv, row {number}" for number in (16, 17, 18)]


def test_defects_of_images_are_met(tmp_path: Path) -> None:
    root = _made(tmp_path, clips=40, defects=True)
    rows = {way.__name__: row for way, row in zip(IN_IMAGES, _read(root)[len(IN_LIST) :], strict=False)}
    assert {name: row.reason for name, row in rows.items() if row.reason} == {"_lost": "no image"}
    assert rows["_lost"].path.startswith("Manually_Annotated/Manually_Annotated_Images/")
    sizes = {name: (root / row.path).stat().st_size for name, row in rows.items() if row.reason is None}
    assert sizes["_empty"] == 0
    assert rows["_converted"].path.endswith(".jpg")
    for name in ("_other_case", "_converted", "_backslash", "_deep", "_transparent", "_inks"):
        image = decode((root / rows[name].path).read_bytes(), where=name)
        assert image.shape == (40, 40, 3)
        assert image.std() > 10, "a picture, not a plane"


def test_too_few_images_for_the_defects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="9 training images cannot show all defects; wanted 28"):
        _made(tmp_path, defects=True)


@pytest.mark.parametrize("number", range(11))
def test_every_class_has_its_name(tmp_path: Path, number: int) -> None:
    _images(tmp_path, "1/a.jpg")
    _list(tmp_path / "training.csv", _record("1/a.jpg", expression=number))
    [row] = _read(tmp_path)
    assert row.expression == EXPRESSIONS[number]
    assert (row.reason is None) == (number <= 8)


@pytest.mark.parametrize(
    ("box", "found"),
    [
        ((10, 20, 30, 40), (10, 20, 40, 60)),
        ((-5, -6, 30, 40), (-5, -6, 25, 34)),
        ((10.5, 20, 30, 1e6), (10.5, 20, 40.5, 1000020)),
        (("NULL", "NULL", "NULL", "NULL"), None),
        (("", 20, 30, 40), None),
        ((10, 20, -30, 40), None),
        ((10, 20, 30, 0), None),
        (("nan", 20, 30, 40), None),
        ((10, 20, 30, "inf"), None),
    ],
)
def test_a_box_without_an_area_is_no_box(tmp_path: Path, box: tuple, found: tuple | None) -> None:
    _images(tmp_path, "1/a.jpg")
    names = ("face_x", "face_y", "face_width", "face_height")
    _list(tmp_path / "training.csv", _record("1/a.jpg", **dict(zip(names, box, strict=True))))
    [row] = _read(tmp_path)
    assert (row.box, row.reason) == (found, None)


@pytest.mark.parametrize(
    "text", ["", "NULL", POINTS.rpartition(";")[0], POINTS + ";1", "x;" * 136, "1e300;" * 136]
)
def test_malformed_landmarks_are_none_and_the_image_is_kept(tmp_path: Path, text: str) -> None:
    _images(tmp_path, "1/a.jpg")
    _list(tmp_path / "training.csv", _record("1/a.jpg", facial_landmarks=text))
    [row] = _read(tmp_path)
    assert (row.landmarks, row.reason) == (None, None)


def test_ages_come_from_the_files_beside_the_lists(tmp_path: Path) -> None:
    root = _made(tmp_path)
    ages = {row.clip: row.age for row in _read(root)}
    assert all(ages.values())
    column = {row.clip: row.age for row in _read(_made(tmp_path / "column", ages="column"))}
    named = _made(tmp_path / "named", ages="names")
    assert not any(row.age for row in _read(named))
    assert {row.clip: row.age for row in _read(named, ages=named / "ages.csv")} == column == ages


def test_ages_by_name_may_leave_out_folder_and_suffix(tmp_path: Path) -> None:
    _images(tmp_path / "raw", "1/a.jpg", "1/b.jpg")
    _list(tmp_path / "raw" / "training.csv", _record("1/a.jpg") + ",0", _record("1/b.jpg") + ",55")
    ages = _list(tmp_path / "ages.csv", "age,name", "31,a")
    rows = _read(tmp_path / "raw", ages=ages)
    assert [row.age for row in rows] == [31, 55]


def test_an_age_of_a_file_that_one_names_goes_before_the_lists_own(tmp_path: Path) -> None:
    _images(tmp_path / "raw", "1/a.jpg", "1/b.jpg")
    _list(tmp_path / "raw" / "training.csv", _record("1/a.jpg") + ",70", _record("1/b.jpg") + ",70")
    by_name = _list(tmp_path / "names.csv", "age,name", "31,1/a.jpg")
    assert [row.age for row in _read(tmp_path / "raw", ages=by_name)] == [31, 70]
    by_order = _list(tmp_path / "training_age.csv", "age", "31", "0")
    assert [row.age for row in _read(tmp_path / "raw", ages=by_order)] == [31, 70]


def test_ages_of_another_list_do_not_fit(tmp_path: Path) -> None:
    root = _made(tmp_path)
    file = root / "age_script" / "training_age.csv"
    file.write_text(file.read_text() + "31\n")
    with pytest.raises(ConfigError, match=r"training_age.csv has 10 ages, but training.csv has 9 rows"):
        _read(root)


def test_age_groups_are_identities_with_bins_of_ones_own(tmp_path: Path) -> None:
    root = _made(tmp_path)
    rows = _read(root, identity="age-group", bins=(0, 40, 150))
    assert {row.identity for row in rows} == {"0-39", "40-149"}
    assert all((row.age < 40) == (row.identity == "0-39") for row in rows if row.age)


def test_age_groups_without_ages_are_refused(tmp_path: Path) -> None:
    root = _made(tmp_path, ages="none")
    assert len(_read(root)) == 12
    with pytest.raises(ConfigError, match="but there are none under") as caught:
        _read(root, identity="age-group")
    assert "CSV" in caught.value.hint


def test_nobody_is_in_both_splits_and_pictures_follow_the_labels(tmp_path: Path) -> None:
    rows = _read(_made(tmp_path, people=8, clips=16, frames=2))
    ages = {split: {row.age for row in rows if row.split == split} for split in ("train", "val")}
    assert Counter(row.split for row in rows) == {"train": 24, "val": 8}
    assert not ages["train"] & ages["val"]  # drawn identities all have ages of their own
    assert len({hashlib.sha256((tmp_path / row.path).read_bytes()).digest() for row in rows}) == 32
    for row in rows:
        assert row.landmarks is not None
        assert row.box is not None
        inner = row.landmarks[17:]
        assert (inner.min(axis=0) > np.array(row.box[:2]) - 2).all()
        assert (inner.max(axis=0) < np.array(row.box[2:]) + 2).all()


def test_fewer_images_than_identities_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2 images cannot show 4 identities"):
        _made(tmp_path, clips=2)


def test_the_same_seed_writes_the_same_tree(tmp_path: Path) -> None:
    trees = [_made(tmp_path / name, clips=40, defects=True) for name in "ab"]
    contents = [
        {file.relative_to(tree): file.read_bytes() for file in tree.rglob("*") if file.is_file()}
        for tree in trees
    ]
    assert contents[0] == contents[1]


def test_a_tiny_imitation_has_many_files_of_few_drawings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(affectnet, "TINY_DRAWINGS", 6)
    rows = _read(_made(tmp_path, clips=300, tiny=True, width_px=32, height_px=32))
    contents = [(tmp_path / row.path).read_bytes() for row in rows]
    assert [row.reason for row in rows] == [None] * 300
    assert len(set(contents)) == 300
    pixels = {
        cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).tobytes() for content in contents
    }
    assert len(pixels) == 6
    assert all(decode(content, where="x").shape == (32, 32, 3) for content in contents[:3])


def test_memory_does_not_grow_with_the_list(tmp_path: Path) -> None:
    _images(tmp_path, "1/a.jpg")

    def peak(count: int) -> int:
        ages = ["age", *["31"] * count]
        _list(tmp_path / "training_age.csv", *ages)
        _list(tmp_path / "training.csv", HEADER, *[_record("1/a.jpg", facial_landmarks="")] * count)
        tracemalloc.start()
        assert sum(row.age == 31 for row in read(tmp_path, Options())) == count
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak(10)  # what is made once
    # 3,000 rows more would take 1.5 MB and more; 100 kB are buffers that need not be filled at first
    assert peak(3100) < peak(100) + 100_000


def test_csv_fields_agree_with_python_s_own_reader(tmp_path: Path) -> None:
    root = _made(tmp_path)
    with (root / "Manually_Annotated_file_lists" / "training.csv").open(newline="") as stream:
        records = list(csv.DictReader(stream))
    rows = [row for row in _read(root) if row.split == "train"]
    for row, record in zip(rows, records, strict=True):
        assert record["subDirectory_filePath"].rpartition(".")[0] == row.clip
        assert (float(record["valence"]), float(record["arousal"])) == (row.valence, row.arousal)
        assert row.landmarks is not None
        np.testing.assert_array_equal(
            row.landmarks.ravel(), np.float32(record["facial_landmarks"].split(";"))
        )
