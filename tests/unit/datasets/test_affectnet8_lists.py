from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from elimctl.cli.main import app
from elimctl.datasets.affectnet8 import Options, read
from elimctl.errors import DataError, LayoutError, Notice
from elimctl.manifest import parquet
from elimctl.manifest.row import Row

TRAIN = "number,exp,val,aro\n0,1,0.78,-0.12\n5,7,-0.5,0.25\n"
VAL = "number,exp,val,aro\n0,6,-0.25,0.75\n"


def _images(folder: Path, *numbers: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / f"{number}.jpg").touch()


def _write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _read(root: Path, **options: Any) -> list[Row]:
    return list(read(root, Options(**options)))


def _said(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(row.clip, row.expression, row.valence, row.arousal, row.reason) for row in rows]


ROWS = [
    ("train/0", "happiness", 0.78, -0.12, None),
    ("train/5", "contempt", -0.5, 0.25, None),
    ("val/0", "anger", -0.25, 0.75, None),
]


@pytest.mark.parametrize(
    ("images", "lists"),
    [
        ("{}_set/images", "annotations/{}_set_annotation_without_lnd.csv"),
        ("AffectNet/{0}_set/{0}_set/images", "{}_set_annotation.csv"),
        ("images/{}_set", "lists/{}/labels.csv"),
        ("{}_set/images", "{}_set/annotations/labels.csv"),
        ("{}_set", "affectnet_exp_val_aro_{}.csv"),
    ],
)
def test_lists_take_the_place_of_files_of_labels(tmp_path: Path, images: str, lists: str) -> None:
    for split, numbers, text in (("train", (0, 5), TRAIN), ("val", (0,), VAL)):
        _images(tmp_path / images.format(split), *numbers)
        _write(tmp_path / lists.replace("val_aro_{}", f"v_{split}").format(split), text)
    rows = _read(tmp_path)
    assert _said(rows) == ROWS
    assert [(row.path, row.split, row.cropped) for row in rows] == [
        (f"{images.format('train')}/0.jpg", "train", True),
        (f"{images.format('train')}/5.jpg", "train", True),
        (f"{images.format('val')}/0.jpg", "val", True),
    ]


def test_a_column_says_the_set(tmp_path: Path) -> None:
    _images(tmp_path / "train_set/images", 0, 5)
    _images(tmp_path / "val_set/images", 0)
    text = ",number,exp,valence,arousal,phase\n0,0,1,0.78,-0.12,train\n1,0.0,6.0,-0.25,0.75,val_set\n"
    _write(tmp_path / "all.csv", f"{text}2,5.jpg,7,-0.5,0.25,Training\n")
    assert _said(_read(tmp_path)) == ROWS


def test_a_list_that_says_no_set_is_of_the_only_one_or_refused(tmp_path: Path) -> None:
    _images(tmp_path / "train_set/images", 0, 5)
    _write(tmp_path / "exp_val_aro.csv", TRAIN)  # `val` is valence
    assert _said(_read(tmp_path)) == ROWS[:2]
    _images(tmp_path / "val_set/images", 0)
    with pytest.raises(LayoutError, match=r"exp_val_aro.csv does not name the set .* of number 0"):
        _read(tmp_path)


def test_a_folder_above_the_root_says_nothing(tmp_path: Path) -> None:
    root = tmp_path / "train" / "raw"
    _images(root / "train_set/images", 0)
    _images(root / "val_set/images", 0)
    _write(root / "labels.csv", VAL)
    with pytest.raises(LayoutError, match="does not name the set"):
        _read(root)


def test_what_is_on_one_side_only_is_dropped(tmp_path: Path) -> None:
    _images(tmp_path / "train_set/images", 0, 7)
    _write(tmp_path / "train_set.csv", TRAIN)
    assert [(row.clip, row.reason) for row in _read(tmp_path)] == [
        ("train/0", None),
        ("train/5", "no image"),
        ("train/7", "no annotation"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0,1,-2,-2", "no label: valence is -2"),
        ("0,1,,0.5", "no label: valence"),
        ("0,1,0.5,1.5", "label out of range: arousal is 1.5, expected -1 to 1"),
        ("0,11,0.5,0.5", "unknown class of expression: '11', expected 0 to 10"),
        ("0,1,0.5,0.5\n0,1,0.5,0.5", None),
        ("0,1,0.5,0.5\n0,2,0.5,0.5", "labels disagree: listed twice"),
        ("0,1,0.5,0.5\n0,1,0.5,0.25", "labels disagree: listed twice"),
    ],
)
def test_labels_that_cannot_be_used_are_dropped(tmp_path: Path, line: str, reason: str | None) -> None:
    _images(tmp_path / "train_set/images", 0)
    _write(tmp_path / "train.csv", f"number,exp,val,aro\n{line}\n")
    assert [row.reason for row in _read(tmp_path)] == [reason]


def test_a_list_without_classes_gives_valence_and_arousal(tmp_path: Path) -> None:
    _images(tmp_path / "train_set/images", 3)
    _write(tmp_path / "train.csv", ",number,val,aro\n4,3,0.5,0.25\n")  # an index, as pandas writes it
    assert _said(_read(tmp_path)) == [("train/3", None, 0.5, 0.25, None)]


def test_classes_counted_from_1_are_refused(tmp_path: Path) -> None:
    _images(tmp_path / "train_set/images", *range(8))
    _images(tmp_path / "val_set/images", 0)
    lines = "".join(f"{number},{number + 1},0,0\n" for number in range(8))
    _write(tmp_path / "train_set.csv", f"number,exp,val,aro\n{lines}")
    _write(tmp_path / "a/val_set.csv", "number,exp,val,aro\n0,0,0,0\n")
    with pytest.raises(LayoutError, match=r"train_set.csv has the classes 1 to 8; expected 0 to 7"):
        _read(tmp_path)


@pytest.mark.parametrize("number", ["", "x", "01", "-1", "train_set/0.jpg", "1.5"])
def test_what_is_no_number_of_an_image_is_refused(tmp_path: Path, number: str) -> None:
    _images(tmp_path / "train_set/images", 0)
    _write(tmp_path / "train.csv", f"number,exp,val,aro\n{number},1,0,0\n")
    with pytest.raises(LayoutError, match=rf"train.csv has an invalid image number '{number}'"):
        _read(tmp_path)


def test_files_of_labels_go_before_lists_with_a_notice(tmp_path: Path) -> None:
    _images(tmp_path / "train_set/images", 0)
    (tmp_path / "train_set/annotations").mkdir()
    for kind, value in {"exp": "3", "val": "0.5", "aro": "0.25"}.items():
        np.save(tmp_path / f"train_set/annotations/0_{kind}.npy", np.array(value))
    _write(tmp_path / "ages.csv", "name,age\ntrain/0,30\n")
    assert _said(_read(tmp_path)) == [("train/0", "surprise", 0.5, 0.25, None)]
    _write(tmp_path / "train_set.csv", TRAIN)
    with pytest.warns(Notice, match=r"labels come from the folders annotations; not read: .*train_set.csv"):
        assert _said(_read(tmp_path)) == [("train/0", "surprise", 0.5, 0.25, None)]


def test_a_set_whose_annotations_are_missing_stays_beside_one_that_has_them(tmp_path: Path) -> None:
    _images(tmp_path / "train_set/images", 0)
    _images(tmp_path / "val_set/images", 4)
    for split in ("train", "val"):
        (tmp_path / f"{split}_set/annotations").mkdir()
    for kind in ("exp", "val", "aro"):
        np.save(tmp_path / f"train_set/annotations/0_{kind}.npy", np.array("0"))
    rows = _read(tmp_path)
    assert [(row.clip, row.reason) for row in rows] == [("train/0", None), ("val/4", "no annotation")]


def test_ages_and_identities_are_those_of_the_images(tmp_path: Path) -> None:
    _images(tmp_path / "raw/train_set/images", 0, 5)
    _write(tmp_path / "raw/train_set.csv", TRAIN)
    ages = _write(tmp_path / "ages.csv", "name,age\ntrain/5,33\n")
    rows = _read(tmp_path / "raw", identity="age-group", ages=ages)
    assert [row.identity for row in rows] == ["none", "30-39"]


def _shown(folder: Path) -> None:
    for file in folder.rglob("*.jpg"):
        cv2.imwrite(str(file), np.full((224, 224, 3), 90, np.uint8))


def test_lists_are_prepared_from_the_command_line(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    _images(raw / "train_set/images", 0, 5)
    _images(raw / "val_set/images", 0)
    _shown(raw)
    _write(raw / "train_set_annotation_without_lnd.csv", TRAIN)
    _write(raw / "val_set_annotation_without_lnd.csv", VAL)
    arguments = ["prepare", "affectnet8", str(raw), "--workers", "1", "--workspace", str(tmp_path)]
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 0, found.output
    rows = parquet.read(tmp_path / "data/affectnet8/manifest.parquet").to_pylist()
    assert [(row["clip"], row["expression"], row["arousal"], row["status"]) for row in rows] == [
        ("train/0", "happiness", pytest.approx(-0.12), "kept"),
        ("train/5", "contempt", 0.25, "kept"),
        ("val/0", "anger", 0.75, "kept"),
    ]


def test_the_published_tree_of_a_fair_partition_is_prepared_from_the_command_line(tmp_path: Path) -> None:
    raw = tmp_path / "AffectNet"
    _images(raw / "images/train_set", 0, 1)
    _images(raw / "images/val_set", 0)
    _shown(raw)
    header = "name,valence,arousal,age,gender,race\n"
    names = [raw / f"annotations/VA/{name}.csv" for name in ("train", "valid", "test")]
    for file, line in zip(
        names,
        (
            "val_set/0.jpg,0.5,0.5,20-29,Male,White",
            "train_set/0.jpg,0,0,70+,Female,Asian",
            "train_set/1.jpg,1,1,,,",
        ),
        strict=True,
    ):
        _write(file, f"{header}{line}\n")
    arguments = ["prepare", "affectnet8", str(raw), "--workers", "1", "--workspace", str(tmp_path)]
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, DataError)
    assert "no annotation" in error.message
    found = CliRunner().invoke(app, [*arguments, "--split", ",".join(map(str, names))])
    assert found.exit_code == 0, found.output
    rows = parquet.read(tmp_path / "data/affectnet8/manifest.parquet").to_pylist()
    columns = ("path", "split", "valence", "age_group", "status")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("images/train_set/0.jpg", "val", 0.0, "70+", "kept"),
        ("images/train_set/1.jpg", "test", 1.0, None, "kept"),
        ("images/val_set/0.jpg", "train", 0.5, "20-29", "kept"),
    ]
