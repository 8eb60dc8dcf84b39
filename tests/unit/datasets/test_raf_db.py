from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from elimctl.datasets.raf_db import Options, read
from elimctl.errors import ConfigError, LayoutError, MissingError
from elimctl.manifest.row import EXPRESSIONS, Row
from elimctl.synthetic.raf_db import FEELINGS, write
from elimctl.synthetic.raf_db import Options as SynthOptions

LABELS = "EmoLabel/list_patition_label.txt"
# Eyes, nose, corners of the mouth; gender, race, group of ages.
ATTRIBUTES = "30.5\t40\n70\t42\n50\t60\n35\t80\n66\t81.25\n1\n2\n3\n"


def _write(file: Path, text: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _tree(root: Path, labels: str = "train_00001.jpg 5\ntest_0001.jpg 4\n", *, kind: str = "aligned") -> Path:
    """A copy with an image for each label; the readers look at names only."""
    _write(root / LABELS, labels)
    for line in labels.splitlines():
        name = line.partition(" ")[0].replace(".jpg", "_aligned.jpg" if kind == "aligned" else ".jpg")
        _write(root / "Image" / kind / name)
    return root


def _read(root: Path, **options: Any) -> list[Row]:
    return list(read(root, Options(**options)))


def _reasons(rows: list[Row]) -> dict[str, str | None]:
    return {row.clip: row.reason for row in rows}


@pytest.mark.parametrize("above", ["", "basic", "RAF-DB/RAF-DB/basic"])
def test_images_and_labels_are_found_below_any_folders(tmp_path: Path, above: str) -> None:
    _tree(tmp_path / above)
    test, train = _read(tmp_path)
    assert train.path == (Path(above) / "Image/aligned/train_00001_aligned.jpg").as_posix()
    assert (train.clip, train.identity, train.frame) == ("train_00001", "train_00001", 0)
    assert (train.expression, train.split, train.cropped, train.reason) == ("sadness", "train", True, None)
    assert (train.valence, train.arousal) == (None, None)
    assert (test.clip, test.expression, test.split) == ("test_0001", "happiness", "val")


def test_the_seven_classes_are_named_as_in_the_readme(tmp_path: Path) -> None:
    _tree(tmp_path, "".join(f"train_{number:05d}.jpg {number}\n" for number in range(1, 8)))
    names = ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]
    assert [row.expression for row in _read(tmp_path)] == names
    assert set(names) == set(FEELINGS) <= set(EXPRESSIONS)


@pytest.mark.parametrize(
    "name", ["list_patition_label.txt", "list_partition_label.txt", "List_Partition_Label.TXT"]
)
@pytest.mark.parametrize("kind", ["aligned", "original"])
def test_the_label_file_names_the_original_image_of_both_kinds(tmp_path: Path, name: str, kind: str) -> None:
    _tree(tmp_path, kind=kind)
    (tmp_path / LABELS).rename(tmp_path / name)
    assert [row.expression for row in _read(tmp_path, images=kind)] == ["happiness", "sadness"]


def test_label_lines_may_end_in_crlf_and_have_a_third_column(tmp_path: Path) -> None:
    _tree(tmp_path, "train_00001.jpg 5\ntrain_00002.jpg 7\n")
    (tmp_path / LABELS).write_bytes(
        b"\xef\xbb\xbftrain_00001.jpg 5 1\r\n\r\n  train_2_aligned.jpg\t7\r\n\r\n\r\n"
    )
    assert [row.expression for row in _read(tmp_path)] == ["sadness", "neutral"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("train_00002.jpg 0", "label out of range: 0, expected 1 to 7"),
        ("train_00002.jpg 12", "label out of range: 12, expected 1 to 7"),
        ("train_00002.jpg -1", "label is not a number: '-1'"),
        ("train_00002.jpg happy", "label is not a number: 'happy'"),
        ("train_00002.jpg", "no label"),
        ("", "no label"),
        ("train_00002.jpg 1\ntrain_00002.jpg 2", "labels disagree: 1, 2"),
        ("train_00002.jpg 1\ntrain_00002.jpg 1", None),
    ],
)
def test_an_image_with_an_unusable_label_is_dropped(tmp_path: Path, line: str, reason: str | None) -> None:
    _tree(tmp_path, "train_00001.jpg 5\ntrain_00002.jpg 5\n")
    _write(tmp_path / LABELS, f"train_00001.jpg 5\n{line}\n")
    assert _reasons(_read(tmp_path)) == {"train_00001": None, "train_00002": reason}


def test_a_label_without_an_image_is_dropped_and_says_where_it_should_be(tmp_path: Path) -> None:
    _tree(tmp_path)
    _write(tmp_path / LABELS, "train_00001.jpg 5\ntest_0001.jpg 4\ntest_0002.jpg 4\n")
    row = _read(tmp_path)[1]
    assert (row.path, row.reason) == ("Image/aligned/test_0002_aligned.jpg", "no image")


def test_numbers_are_joined_however_they_are_padded(tmp_path: Path) -> None:
    _write(tmp_path / LABELS, "train_1.jpg 3\ntest_00012.jpg 6\n")
    for name in ("train_00001_aligned.jpg", "test_0012_aligned.JPG"):
        _write(tmp_path / name)
    assert [(row.clip, row.expression, row.path) for row in _read(tmp_path)] == [
        ("test_0012", "anger", "test_0012_aligned.JPG"),
        ("train_00001", "disgust", "train_00001_aligned.jpg"),
    ]


def test_original_images_have_boxes_and_points_and_aligned_ones_have_none(tmp_path: Path) -> None:
    for kind in ("original", "aligned"):
        _tree(tmp_path, "train_00001.jpg 5\n", kind=kind)
    notes = tmp_path / "Annotation"
    _write(notes / "manual/train_00001_manu_attri.txt", ATTRIBUTES)
    _write(notes / "auto/train_00001_auto_attri.txt", "1\t2\n" * 37)
    _write(notes / "boundingbox/train_00001_boundingbox.txt", "10.5 20 90.25 110\n")
    [original] = _read(tmp_path, images="original")
    assert original.path == "Image/original/train_00001.jpg"
    assert not original.cropped
    assert original.box == (10.5, 20, 90.25, 110)
    assert original.points.dtype == np.float32
    assert original.points.tolist() == [[30.5, 40], [70, 42], [50, 60], [35, 80], [66, 81.25]]
    [aligned] = _read(tmp_path)
    assert (aligned.cropped, aligned.box, aligned.points) == (True, None, None)
    for row in (original, aligned):
        assert row.landmarks is None
        assert (row.gender, row.race, row.age_group) == ("female", "Asian", "40-69")


def test_points_are_ordered_by_where_they_are_in_the_image(tmp_path: Path) -> None:
    _tree(tmp_path, "train_00001.jpg 5\n", kind="original")
    swapped = "70, 42\n30.5;40\n50 60\n66\t81.25\n\n35\t80\n0\n0\n0"
    _write(tmp_path / "train_00001_manu_attri.txt", swapped)
    [row] = _read(tmp_path, images="original")
    assert row.points.tolist() == [[30.5, 40], [70, 42], [50, 60], [35, 80], [66, 81.25]]
    assert (row.gender, row.race, row.age_group) == ("male", "Caucasian", "0-3")


@pytest.mark.parametrize(
    "text", ["", "none", ATTRIBUTES + "0\n", ATTRIBUTES[:-4], ATTRIBUTES.replace("50", "nan"), "\0"]
)
def test_malformed_attributes_are_none_and_the_image_is_kept(tmp_path: Path, text: str) -> None:
    _tree(tmp_path, "train_00001.jpg 5\n", kind="original")
    _write(tmp_path / "train_00001_manu_attri.txt", text)
    [row] = _read(tmp_path, images="original", identity="age-group")
    assert (row.points, row.gender, row.race, row.age_group) == (None, None, None, None)
    assert (row.identity, row.reason) == ("none", None)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ("0 0 0", ("male", "Caucasian", "0-3")),
        ("1 1 1", ("female", "African-American", "4-19")),
        ("2 2 2", ("unsure", "Asian", "20-39")),
        ("2 2 3", ("unsure", "Asian", "40-69")),
        ("2 2 4", ("unsure", "Asian", "70+")),
    ],
)
def test_attributes_are_named_as_in_the_readme(tmp_path: Path, codes: str, words: tuple[str, ...]) -> None:
    _tree(tmp_path, "train_00001.jpg 5\n")
    _write(tmp_path / "train_00001_manu_attri.txt", ATTRIBUTES.replace("1\n2\n3\n", codes))
    [row] = _read(tmp_path)
    assert (row.gender, row.race, row.age_group) == words


def test_unknown_codes_are_none(tmp_path: Path) -> None:
    _tree(tmp_path, "train_00001.jpg 5\n", kind="original")
    _write(tmp_path / "train_00001_manu_attri.txt", ATTRIBUTES.replace("1\n2\n3\n", "3\n-1\n0.5\n"))
    [row] = _read(tmp_path, images="original")
    assert (row.gender, row.race, row.age_group) == (None, None, None)
    assert row.points is not None


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("-3.5,2;60\t70", (-3.5, 2, 60, 70)),
        ("10 10 10 40", None),
        ("10 40 60 10", None),
        ("10 10 60", None),
        ("nan nan nan nan", None),
        ("no face", None),
    ],
)
def test_a_box_without_an_area_is_none(tmp_path: Path, text: str, box: Any) -> None:
    _tree(tmp_path, "train_00001.jpg 5\n", kind="original")
    _write(tmp_path / "train_00001_boundingbox.txt", text)
    assert _read(tmp_path, images="original")[0].box == box


def test_identities_can_be_groups_of_ages(tmp_path: Path) -> None:
    _tree(tmp_path, "train_00001.jpg 5\ntrain_00002.jpg 5\n")
    _write(tmp_path / "manual/train_00001_manu_attri.txt", ATTRIBUTES)
    assert [row.identity for row in _read(tmp_path, identity="age-group")] == ["40-69", "none"]


@pytest.mark.parametrize("kind", ["original", "aligned"])
def test_images_may_lie_deeper_and_in_folders_named_as_the_archives(tmp_path: Path, kind: str) -> None:
    _tree(tmp_path, kind=kind)
    deeper = tmp_path / "deeper" / f"{kind}.zip"
    deeper.mkdir(parents=True)
    (tmp_path / "Image" / kind).rename(deeper / "imgs")
    assert [row.reason for row in _read(tmp_path, images=kind)] == [None, None]


def _repack(root: Path, *, tables: bool = True) -> Path:
    _write(root / "DATASET/train/5/train_00001_aligned.jpg")
    _write(root / "DATASET/test/4/test_0001_aligned.jpg")
    if tables:
        _write(root / "train_labels.csv", "image,label\ntrain_00001_aligned.jpg,5\n")
        _write(root / "test_labels.csv", "image,label\ntest_0001_aligned.jpg,4\n")
    return root


@pytest.mark.parametrize("tables", [True, False])
def test_the_repack_is_read_with_or_without_its_tables(tmp_path: Path, tables: bool) -> None:
    rows = _read(_repack(tmp_path, tables=tables))
    assert [(row.clip, row.expression, row.split, row.reason) for row in rows] == [
        ("test_0001", "happiness", "val", None),
        ("train_00001", "sadness", "train", None),
    ]


def test_a_repack_whose_folders_and_tables_disagree_is_noticed(tmp_path: Path) -> None:
    _repack(tmp_path)
    _write(tmp_path / "train_labels.csv", "image,label\ntrain_00001_aligned.jpg,6\n")
    assert _reasons(_read(tmp_path))["train_00001"] == "labels disagree: 5, 6"


def test_an_image_that_is_there_twice_is_listed(tmp_path: Path) -> None:
    _tree(tmp_path)
    copy = _write(tmp_path / "copy/train_00001_aligned.png")
    with pytest.raises(LayoutError, match="1 image found more than once") as caught:
        _read(tmp_path)
    assert f"{tmp_path}/Image/aligned/train_00001_aligned.jpg, {copy}" in caught.value.message


def test_two_suffixes_in_one_folder_are_one_image(tmp_path: Path) -> None:
    _tree(tmp_path)
    _write(tmp_path / "Image/aligned/train_00001_aligned.png")
    assert [row.path[-4:] for row in _read(tmp_path)] == [".jpg", ".jpg"]


@pytest.mark.parametrize(
    "other", ["list_partition_label.txt", "copy/list_patition_label.txt", "train_labels.csv"]
)
def test_two_label_files_are_listed(tmp_path: Path, other: str) -> None:
    _tree(tmp_path)
    second = _write(tmp_path / other, "train_00001.jpg 5\n")
    with pytest.raises(LayoutError, match="2 label files under") as caught:
        _read(tmp_path)
    assert str(second) in caught.value.message
    assert str(tmp_path / LABELS) in caught.value.message


def test_images_without_labels_are_no_dataset(tmp_path: Path) -> None:
    _tree(tmp_path)
    (tmp_path / LABELS).unlink()
    with pytest.raises(LayoutError, match=r"no labels under"):
        _read(tmp_path)


def test_the_other_kind_of_images_is_offered(tmp_path: Path) -> None:
    _tree(tmp_path, kind="original")
    with pytest.raises(
        LayoutError, match=r"no aligned images \(train_00001_aligned.jpg\).*but 2 original"
    ) as caught:
        _read(tmp_path)
    assert "dataset.images=original" in caught.value.hint


def test_archives_that_are_still_packed_are_mentioned(tmp_path: Path) -> None:
    _write(tmp_path / LABELS, "train_00001.jpg 5\n")
    _write(tmp_path / "Image/aligned.zip")
    with pytest.raises(LayoutError, match="but 1 archive") as caught:
        _read(tmp_path)
    assert "unpack" in caught.value.hint


def test_an_empty_folder_and_none_are_errors(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="no aligned images"):
        _read(tmp_path)
    with pytest.raises(MissingError, match="no folder"):
        _read(tmp_path / "raw")


def test_junk_is_passed_over(tmp_path: Path) -> None:
    _tree(tmp_path)
    for name in (
        "._train_00001_aligned.jpg",
        "__MACOSX/train_00001_aligned.jpg",
        "Thumbs.db",
        "val_1.jpg",
        "x.jpg",
    ):
        _write(tmp_path / "Image/aligned" / name)
    assert len(_read(tmp_path)) == 2


# Small images keep the drawing fast.
SMALL = {"width_px": 80, "height_px": 80}
LAYOUTS = ("basic", "imgs", "zips", "kaggle")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_imitation_is_read_in_full_in_every_layout(tmp_path: Path, layout: str) -> None:
    options = SynthOptions(people=3, clips=2, frames=7, layout=layout, **SMALL)
    write(tmp_path, np.random.default_rng(0), options)
    rows = _read(tmp_path)
    assert [row.reason for row in rows] == [None] * 14
    assert Counter(row.split for row in rows) == {"train": 10, "val": 4}
    assert {row.expression for row in rows} == set(FEELINGS)
    assert {cv2.imread(str(tmp_path / row.path)).shape for row in rows} == {(100, 100, 3)}
    if layout != "kaggle":
        originals = _read(tmp_path, images="original")
        assert len(originals) == 14
        assert all(row.box and row.points is not None and row.age_group for row in originals)
        assert cv2.imread(str(tmp_path / originals[0].path)).shape == (80, 80, 3)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_defect_of_an_imitation_is_counted(tmp_path: Path, layout: str) -> None:
    options = SynthOptions(people=3, clips=3, frames=6, layout=layout, defects=True, **SMALL)
    write(tmp_path, np.random.default_rng(0), options)
    rows = _read(tmp_path)
    kinds = Counter(row.reason.partition(":")[0] for row in rows if row.reason)
    if layout == "kaggle":  # an image that is not in the table has its folder
        assert kinds == {"labels disagree": 1, "no image": 1}
    else:
        wanted = ("no label", "label out of range", "label is not a number", "labels disagree", "no image")
        assert kinds == dict.fromkeys(wanted, 1) | {"no label": 2}
        rows = _read(tmp_path, images="original")
        assert [row.clip for row in rows if row.points is None] == [
            *("train_00001", "train_00006", "train_09999")
        ]
        boxed = {row.clip: row.box for row in rows}
        assert boxed["train_00008"] == (-4.5, 3, 60.25, 70)
        assert [clip for clip in sorted(boxed) if boxed[clip] is None] == [
            *("train_00001", "train_00006", "train_00007", "train_00009", "train_09999")
        ]
        assert all(row.points[0, 0] < row.points[1, 0] for row in rows if row.points is not None)
    assert len(rows) == 19
    assert {row.path[-4:] for row in rows} == {".jpg", ".JPG", ".png"}


def test_nobody_is_in_both_parts_and_the_same_seed_draws_the_same_tree(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(
            tmp_path / name,
            np.random.default_rng(3),
            SynthOptions(people=2, clips=1, frames=4, **SMALL),
        )
    files = [file for file in (tmp_path / "a").rglob("*") if file.is_file()]
    for file in files:
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()
    # What was annotated belongs to who is drawn: each part shows one of two.
    rows = _read(tmp_path / "a")
    assert len({(row.split, row.gender, row.race, row.age_group) for row in rows}) == 2


def test_too_few_images_for_all_defects_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="3 images in train cannot show all defects; wanted 12"):
        write(
            tmp_path,
            np.random.default_rng(0),
            SynthOptions(people=1, clips=1, frames=3, defects=True, **SMALL),
        )
