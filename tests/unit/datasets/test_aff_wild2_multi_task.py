from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from elimctl.cli.main import app
from elimctl.datasets.aff_wild2 import Options, read
from elimctl.errors import DataError, LayoutError, Notice
from elimctl.manifest import parquet
from elimctl.manifest.row import Row
from elimctl.prepare import row_index
from elimctl.synthetic import video_writing

HEADER = "image,valence,arousal,expression," + ",".join(f"AU{unit}" for unit in (1, 2, 4, 6, 7, 10, 12))
UNITS = "0,1,0,-1,1,0,1"
MTL = "ABAW Annotations/MTL_Challenge"


def _list(file: Path, *lines: str, header: str = HEADER, end: str = "\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line},{UNITS}{end}" for line in lines)
    file.write_text(f"{header}{end}{text}", encoding="utf-8", newline="")
    return file


def _crops(root: Path, trial: str, *numbers: int) -> None:
    folder = root / "cropped_aligned" / trial
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / f"{number:05d}.jpg").touch()


def _read(root: Path, labels: str = "mtl", **options: Any) -> list[Row]:
    return list(read(root, Options(labels=labels, **options)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy with the lists of the multi-task challenge alone."""
    _list(
        tmp_path / MTL / "train_set.txt",
        *("102/00001.jpg,0.5,-0.25,4", "102/00007.jpg,-0.5,0.125,-1", "video5_left/00003.jpg,1,-1,7"),
    )
    _list(tmp_path / MTL / "validation_set.txt", "video45_2/00002.jpg,0,0,0")
    _crops(tmp_path, "102", 1, 2, 7)
    _crops(tmp_path, "video5_left", 3)
    _crops(tmp_path, "video45_2", 2)
    return tmp_path


def test_valence_arousal_and_expression_are_read_by_the_name_of_the_image(root: Path) -> None:
    found = [
        (row.path, row.clip, row.frame, row.valence, row.arousal, row.expression, row.split, row.reason)
        for row in _read(root)
    ]
    assert found == [
        ("cropped_aligned/102/00001.jpg", "102", 1, 0.5, -0.25, "happiness", "train", None),
        ("cropped_aligned/102/00007.jpg", "102", 7, -0.5, 0.125, None, "train", None),
        ("cropped_aligned/video5_left/00003.jpg", "video5_left", 3, 1, -1, "other", "train", None),
        ("cropped_aligned/video45_2/00002.jpg", "video45_2", 2, 0, 0, "neutral", "val", None),
    ]


def test_identities_are_trials_or_recordings(root: Path) -> None:
    assert {row.identity for row in _read(root)} == {"102", "video5_left", "video45_2"}
    assert {row.identity for row in _read(root, identity="base")} == {"102", "video5_left", "video45"}
    assert all(row.cropped for row in _read(root))


def test_the_eight_classes_are_those_of_the_challenge(tmp_path: Path) -> None:
    _list(tmp_path / MTL / "train_set.txt", *(f"102/{code + 1:05d}.jpg,0,0,{code}" for code in range(8)))
    _crops(tmp_path, "102", *range(1, 9))
    assert [row.expression for row in _read(tmp_path)] == [
        *("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other")
    ]


@pytest.mark.parametrize(
    ("line", "expression", "reason"),
    [
        ("102/00001.jpg,-5,-5,4", "happiness", "no label: valence is -5"),
        ("102/00001.jpg,-5.0,0.5,-1", None, "no label: valence is -5"),
        ("102/00001.jpg,0.5,-5,2", "disgust", "no label: arousal is -5"),
        ("102/00001.jpg,0.5,1.5,2", "disgust", "label out of range: arousal is 1.5, expected -1 to 1"),
        ("102/00001.jpg,x,0,2", "disgust", "label is not a number: valence is 'x'"),
        ("102/00001.jpg,,0,2", "disgust", "no label: valence"),
        ("102/00001.jpg,0,0,8", None, "unknown class of expression: '8', expected 0 to 7"),
        ("102/00001.jpg,0,0,-5", None, "unknown class of expression: '-5', expected 0 to 7"),
        ("102/00001.jpg,0,0,1.5", None, "unknown class of expression: '1.5', expected 0 to 7"),
        ("102/00001.jpg,0,0,3.0", "fear", None),
        ("102/00002.jpg,0,0,3", "fear", "no crop"),
        ("999/00001.jpg,0,0,3", "fear", "no crop: the trial has no folder of crops"),
        ("00001.jpg,0,0,3", None, "no image: 00001.jpg, expected <trial>/<number>.jpg"),
        ("../102/00001.jpg,0,0,3", None, "no image: ../102/00001.jpg, expected <trial>/<number>.jpg"),
        ("102/face.jpg,0,0,3", None, "no image: 102/face.jpg, expected <trial>/<number>.jpg"),
    ],
)
def test_what_cannot_be_used_is_dropped_with_a_reason(
    tmp_path: Path, line: str, expression: str | None, reason: str | None
) -> None:
    _list(tmp_path / MTL / "train_set.txt", line)
    _crops(tmp_path, "102", 1)
    [row] = _read(tmp_path)
    assert (row.expression, row.reason) == (expression, reason)
    if reason and "label" in reason:
        assert (row.valence, row.arousal) == (None, None)


def test_lists_as_on_windows_and_with_another_case_are_read(tmp_path: Path) -> None:
    _list(
        tmp_path / "MTL/Validation_Set (1).TXT",
        "102/1.jpg,0.5,0.5,4",
        header=f"\ufeff{HEADER.upper()}",
        end="\r\n",
    )
    _crops(tmp_path, "102", 1)
    [row] = _read(tmp_path)
    assert (row.path, row.expression, row.split) == ("cropped_aligned/102/00001.jpg", "happiness", "val")


def test_without_other_lists_those_of_the_challenge_are_read_with_a_notice(root: Path) -> None:
    with pytest.warns(
        Notice, match=r"^found no lists of the VA task; .*multi-task.*train_set.txt, .*validation_set"
    ):
        assert len(_read(root, "auto")) == 4
    with pytest.raises(LayoutError, match="VA_"):
        _read(root, "va")


def test_with_lists_of_the_va_task_those_are_read(root: Path) -> None:
    _write_va = root / "ABAW Annotations/VA_Estimation_Challenge/Train_Set/102.txt"
    _write_va.parent.mkdir(parents=True)
    _write_va.write_text("valence,arousal\n" + "0.75,0.5\n" * 7, encoding="utf-8")
    rows = [row for row in _read(root, "auto") if row.reason is None]
    assert [(row.clip, row.frame, row.valence, row.expression) for row in rows] == [
        ("102", number, 0.75, None) for number in (1, 2, 7)
    ]
    assert len(_read(root, "mtl")) == 4


def test_a_list_that_is_asked_for_and_not_there_is_named(tmp_path: Path) -> None:
    _crops(tmp_path, "102", 1)
    with pytest.raises(LayoutError, match=r"no MTL_Challenge/\{train_set,validation_set\}.txt under"):
        _read(tmp_path)


def test_a_list_that_is_there_twice_is_refused(root: Path) -> None:
    _list(root / "copy/MTL_Challenge/train_set.txt", "102/00001.jpg,0,0,0")
    with pytest.raises(LayoutError, match=r"found 1 list more than once .* train is .*copy"):
        _read(root)


@pytest.mark.parametrize(
    ("file", "header"),
    [
        ("MTL_Challenge/predictions.txt", HEADER),
        ("MTL_Challenge/train_set.txt", "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"),
        ("AU_Detection_Challenge/train_set.txt", "AU1,AU2,AU4"),
        ("MTL_Challenge/train_set.txt", "image,expression,valence,arousal"),
    ],
)
def test_predictions_and_lists_of_other_columns_are_no_lists(tmp_path: Path, file: str, header: str) -> None:
    _list(tmp_path / file, "102/00001.jpg,0,0,0", header=header)
    _crops(tmp_path, "102", 1)
    with pytest.raises(LayoutError, match="MTL_Challenge"):
        _read(tmp_path)


def test_labels_of_a_test_list_are_placeholders(root: Path) -> None:
    _list(root / MTL / "test_set.txt", "102/00002.jpg,0.5,-0.5,1")
    row = next(row for row in _read(root) if row.split == "test")
    assert (row.valence, row.expression, row.reason) == (None, None, "no label: test labels are hidden")


@pytest.mark.parametrize("lines", [["4"] * 3, ["0,1,0"] * 3], ids=["expression", "units"])
def test_lists_of_other_tasks_in_a_folder_of_the_va_task_are_no_labels(tmp_path: Path, lines) -> None:
    header = "Neutral,Anger,Disgust" if lines == ["4"] * 3 else "AU1,AU2,AU4"
    file = tmp_path / "VA_Set/Train_Set/102.txt"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join([header, *lines]), encoding="utf-8")
    _crops(tmp_path, "102", 1, 2, 3)
    rows = _read(tmp_path, "va")
    assert {(row.valence, row.arousal) for row in rows} == {(None, None)}
    assert all(row.reason and row.reason.startswith("broken annotation file: 102.txt") for row in rows)


def test_numbers_are_those_of_the_frames_of_a_video(tmp_path: Path) -> None:
    _list(tmp_path / MTL / "train_set.txt", *(f"102/0000{number}.jpg,0,0,0" for number in (1, 3, 5, 6)))
    images = (np.full((16, 16, 3), 10 * k, np.uint8) for k in range(3))
    (tmp_path / "batch1").mkdir()
    video_writing.write_video(tmp_path / "batch1/102.avi", images, codec="mjpeg")
    assert [(row.frame, row.video_frame, row.reason) for row in _read(tmp_path)] == [
        (1, 0, None),
        (3, 2, None),
        (5, 4, "no frame: the video has 3"),
        (6, 5, "frame out of range: 6, no frame: the video has 3"),
    ]
    rows = row_index.write(tmp_path / "rows", _read(tmp_path), root=tmp_path, folds=2, seed=0)
    assert [(row.row.reason or "").partition(":")[0] for row in rows] == [
        *("frames do not fit", "frames do not fit", "no frame", "frame out of range")
    ]


@pytest.mark.filterwarnings("always::elimctl.errors.Notice")
def test_the_lists_are_prepared_from_the_command_line(root: Path, tmp_path: Path) -> None:
    for file in root.glob("cropped_aligned/*/*.jpg"):
        cv2.imwrite(str(file), np.full((112, 112, 3), 90, np.uint8))
    arguments = ["prepare", "aff-wild2", str(root), "--workers", "1", "--workspace", str(tmp_path / "work")]
    found = CliRunner().invoke(app, [*arguments, "--set", "dataset.labels=mtl"])
    assert found.exit_code == 0, found.output
    table = parquet.read(tmp_path / "work/data/aff-wild2/manifest.parquet")
    columns = ("path", "valence", "expression", "split", "status")
    assert [tuple(row[name] for name in columns) for row in table.to_pylist()] == [
        ("cropped_aligned/102/00001.jpg", 0.5, "happiness", "train", "kept"),
        ("cropped_aligned/102/00007.jpg", -0.5, None, "train", "kept"),
        ("cropped_aligned/video45_2/00002.jpg", 0.0, "neutral", "val", "kept"),
        ("cropped_aligned/video5_left/00003.jpg", 1.0, "other", "train", "kept"),
    ]


def test_lists_without_any_usable_label_are_refused(root: Path, tmp_path: Path) -> None:
    for name in ("train_set.txt", "validation_set.txt"):
        _list(root / MTL / name, "102/00001.jpg,-5,-5,4")
    arguments = ["prepare", "aff-wild2", str(root), "--workers", "1", "--workspace", str(tmp_path / "work")]
    error = CliRunner().invoke(app, [*arguments, "--set", "dataset.labels=mtl"]).exception
    assert isinstance(error, DataError)
    assert "no label: valence is -5" in error.message
