import itertools
import os
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.datasets import aff_wild2_names as names
from elimctl.datasets import card
from elimctl.datasets.aff_wild2 import Options, read
from elimctl.datasets.raw import video
from elimctl.errors import ConfigError, LayoutError, MissingError
from elimctl.manifest.row import Row
from elimctl.synthetic import video_writing
from elimctl.synthetic.aff_wild2 import Options as SynthOptions
from elimctl.synthetic.aff_wild2 import _films, write

TRAIN = "ABAW Annotations/VA_Estimation_Challenge/Train_Set"
CROPS = "cropped_aligned"
SMALL: dict[str, Any] = {"width_px": 160, "height_px": 120}  # small frames keep the drawing fast


def _labels(file: Path, lines: Any = 3, *, header: str = "valence,arousal", end: str = "\n") -> Path:
    """Write an annotation; `lines` is their number or what they hold."""
    lines = [f"0.{k},-0.{k}" for k in range(1, lines + 1)] if isinstance(lines, int) else lines
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(line + end for line in [header, *lines]), encoding="utf-8", newline="")
    return file


def _crops(folder: Path, crops: Any = 3) -> Path:
    """Write empty crops, for readers open none; `crops` is their number or their names."""
    crops = [f"{k:05d}.jpg" for k in range(1, crops + 1)] if isinstance(crops, int) else crops
    folder.mkdir(parents=True, exist_ok=True)
    for name in crops:
        (folder / name).touch()
    return folder


def _video(file: Path, frames: int = 3) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    images = (np.full((16, 16, 3), 10 * k, np.uint8) for k in range(frames))
    video_writing.write_video(file, images, codec="mjpeg" if file.suffix == ".avi" else "mpeg4")
    return file


def _trial(root: Path, name: str, lines: Any = 3, crops: Any = 3, *, folder: str = TRAIN) -> None:
    _labels(root / folder / f"{name}.txt", lines)
    _crops(root / CROPS / name, crops)


def _read(root: Path, **options: Any) -> list[Row]:
    return list(read(root, Options(**options)))


def _reasons(rows: list[Row]) -> list[tuple[int, str | None]]:
    return [(row.frame, row.reason) for row in rows]


# Names.


@pytest.mark.parametrize(
    "stem",
    [
        *("102", "7-60-640x360", "122-60-1920x1080-5", "video3", "video45_7", "video5_left"),
        *("video86_1_right", "10-60-1280x720_right", "28-30-1280x720-1_left", "450_left"),
    ],
)
def test_the_names_of_all_kinds_of_trials_are_known(stem: str) -> None:
    assert names.TRIAL.fullmatch(stem)


@pytest.mark.parametrize(
    "stem", ["video", "7-60", "7-60-640", "video5_middle", "left", "102_left_right", "readme"]
)
def test_other_names_are_no_trials(stem: str) -> None:
    assert not names.TRIAL.fullmatch(stem)


@pytest.mark.parametrize(
    ("trial", "stem", "base"),
    [
        ("102", "102", "102"),
        ("7-60-640x360", "7-60-640x360", "7-60-640x360"),
        ("24-30-1920x1080-2", "24-30-1920x1080-2", "24-30-1920x1080"),
        ("video3", "video3", "video3"),
        ("video45_7", "video45_7", "video45"),
        ("video5_left", "video5", "video5_left"),
        ("video86_1_right", "video86_1", "video86_right"),
        ("10-60-1280x720_right", "10-60-1280x720", "10-60-1280x720_right"),
        ("28-30-1280x720-4_left", "28-30-1280x720-4", "28-30-1280x720_left"),
    ],
)
def test_a_side_is_no_part_of_a_videos_name_and_a_part_none_of_its_base(
    trial: str, stem: str, base: str
) -> None:
    assert (names.video_of(trial), names.base_of(trial)) == (stem, base)


@given(st.from_regex(names.TRIAL, fullmatch=True))
def test_a_base_keeps_the_side_and_has_no_base_of_its_own(trial: str) -> None:
    base = names.base_of(trial)
    assert names.base_of(base) == base
    assert names.SIDE.findall(base) == names.SIDE.findall(trial)
    assert names.TRIAL.fullmatch(base)


@pytest.mark.parametrize(
    ("trial", "others", "side"),
    [
        ("video5_left", [], "left"),
        ("video5_right", ["video5_left"], "right"),
        ("video2", ["video2_left"], "right"),
        ("video59", ["video59_right"], "left"),
        ("video5", ["video5_left", "video5_right"], None),
        ("video5", ["video50_left", "video5_1_left"], None),
        ("video5", [], None),
    ],
)
def test_the_main_person_is_opposite_the_one_whose_trial_has_a_side(
    trial: str, others: list[str], side: str | None
) -> None:
    assert names.side_of(trial, {trial, *others}) == side


# Folders.


@pytest.mark.parametrize(
    ("train", "val"),
    [
        (
            "annotations-20200917T112933Z-001/annotations/VA_Set/Training_Set",
            "annotations-20200917T112933Z-001/annotations/VA_Set/Validation_Set",
        ),
        ("annotations/VA_Set/Train_Set", "annotations/VA_Set/Validation_Set"),
        (
            "Third ABAW Annotations/VA_Estimation_Challenge/Train_Set",
            "Third ABAW Annotations/VA_Estimation_Challenge/Validation_Set",
        ),
        (
            "6th ABAW Annotations/va_estimation_challenge/TRAIN_SET",
            "6th_ABAW_Annotations/VA_Estimation_Challenge/validation_set",
        ),
        ("VA/train", "VA/validate"),
        ("VA_Set-20200917T112933Z-1-001/training set", "VA Set (1)/Val"),
        (
            "Train_Set/data/Aff-Wild2_ready/VA_Set/annotations/Train_set",
            "Train_Set/data/Aff-Wild2_ready/VA_Set/annotations/Validation_set",
        ),
        ("VA_Set.zip/Train_Set", "all.tar.gz/VA_Set.zip/Validation_Set.zip"),
        ("Train_Set/VA_Set", "EXPR_Set/Validation_Set/VA_Set"),
    ],
)
def test_annotations_of_all_editions_are_found_by_the_names_of_their_folders(
    tmp_path: Path, train: str, val: str
) -> None:
    _trial(tmp_path, "102", folder=train)
    _trial(tmp_path, "video3", folder=val)
    assert {(row.clip, row.split, row.reason) for row in _read(tmp_path)} == {
        ("102", "train", None),
        ("video3", "val", None),
    }


@pytest.mark.parametrize(
    "crops",
    [
        "cropped_aligned/102",
        "cropped_aligned/cropped_aligned/102",
        "cropped_aligned/cropped_aligned_new_50_vids/102",
        "batch1 (1)/cropped_aligned/102",
        "batch2/cropped_aligned_new_50_vids/102",
        "Cropped_Aligned-20200917T112933Z-001/102",
        "cropped_aligned.zip/cropped_aligned/102",
        "cropped_aligned.zip/content/102",
        "cropped aligned (2)/102",
        "cropped/batch1/102",
        "cropped/cropped_new_50_vids/102",
    ],
)
def test_folders_of_crops_are_found_by_name_at_any_depth(tmp_path: Path, crops: str) -> None:
    _labels(tmp_path / TRAIN / "102.txt")
    _crops(tmp_path / crops)
    rows = _read(tmp_path)
    assert [row.path for row in rows] == [f"{crops}/0000{k}.jpg" for k in (1, 2, 3)]
    assert all(row.cropped and row.video_frame is None and row.side is None for row in rows)


def test_one_level_in_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "VA_Set"
    _trial(root, "102", folder="Train_Set")
    for folder in (tmp_path, root):
        assert [(row.clip, folder / row.path) for row in _read(folder)] == [
            ("102", root / CROPS / "102" / f"0000{k}.jpg") for k in (1, 2, 3)
        ]
    monkeypatch.chdir(root)
    assert [row.path for row in _read(Path())] == [f"{CROPS}/102/0000{k}.jpg" for k in (1, 2, 3)]


def test_the_folder_that_is_named_may_be_that_of_a_split(tmp_path: Path) -> None:
    _trial(tmp_path / "Train_Set", "102", folder="VA_Set/annotations")
    assert [row.split for row in _read(tmp_path / "Train_Set")] == ["train"] * 3


def test_folders_of_editions_may_be_named_like_trials(tmp_path: Path) -> None:
    _trial(tmp_path / "2022", "102")
    assert _reasons(_read(tmp_path)) == [(1, None), (2, None), (3, None)]


def test_labels_of_other_tasks_are_no_trials(tmp_path: Path) -> None:
    _trial(tmp_path, "102")
    above = tmp_path / "ABAW Annotations"
    _labels(above / "EXPR_Classification_Challenge/Train_Set/102.txt", ["4"] * 3, header="Neutral,Anger")
    _labels(above / "AU_Detection_Challenge/Validation_Set/102.txt", ["0,1"] * 3, header="AU1,AU2")
    _labels(above / "MTL_Challenge/train_set.txt", ["102/00001.jpg,0.1,0.2"], header="image,valence,arousal")
    _labels(above / "EXPR_Set/Train_Set/103.txt")
    _labels(tmp_path / "Aff-Wild/annotations/train/valence/104.txt", ["0.1"] * 3, header="0.1")
    _labels(tmp_path / TRAIN / "readme.txt", ["see the page"], header="Aff-Wild2")
    assert {row.clip for row in _read(tmp_path)} == {"102"}


def test_a_trial_of_a_kind_of_name_yet_unknown_is_told_by_its_header(tmp_path: Path) -> None:
    _trial(tmp_path, "clip-a")
    assert [(row.clip, row.reason) for row in _read(tmp_path)] == [("clip-a", None)] * 3


def test_junk_is_passed_over(tmp_path: Path) -> None:
    _trial(tmp_path, "102")
    _crops(tmp_path / CROPS / "102", [".DS_Store", "._00001.jpg", "Thumbs.db"])
    _crops(tmp_path / "cropped_aligned_new_50_vids", [".DS_Store"])
    _labels(tmp_path / TRAIN / "._102.txt")
    _trial(tmp_path / "__MACOSX", "102")
    _crops(tmp_path / CROPS / "__MACOSX" / "102")
    assert _reasons(_read(tmp_path)) == [(1, None), (2, None), (3, None)]


def test_loops_of_links_end_and_names_may_be_of_any_bytes(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"raw-\xff")
    _trial(root, "102")
    (root / CROPS / "again").symlink_to(root / CROPS)
    (root / TRAIN / "up").symlink_to(root)
    rows = _read(tmp_path)
    assert [(row.frame, row.reason) for row in rows] == [(1, None), (2, None), (3, None)]
    assert os.fsencode(rows[0].path) == b"raw-\xff/cropped_aligned/102/00001.jpg"


def test_aligned_crops_go_before_others(tmp_path: Path) -> None:
    _trial(tmp_path, "102")
    _crops(tmp_path / "cropped" / "batch1" / "102")
    assert {Path(row.path).parts[0] for row in _read(tmp_path)} == {CROPS}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("VA_Set/Train_Set/102.txt", "VA_Set/Validation_Set/102.txt"),
        ("2020/VA_Set/Train_Set/102.txt", "2022/VA_Estimation_Challenge/Train_Set/102.txt"),
    ],
)
def test_a_trial_that_is_annotated_twice_is_listed(tmp_path: Path, first: str, second: str) -> None:
    _crops(tmp_path / CROPS / "102")
    for file in (first, second):
        _labels(tmp_path / file)
    with pytest.raises(LayoutError, match="found 1 trial more than once") as caught:
        _read(tmp_path)
    assert f"102 is {tmp_path / first}, {tmp_path / second}" in caught.value.message


def test_a_trial_with_two_folders_of_crops_is_listed(tmp_path: Path) -> None:
    _trial(tmp_path, "102")
    _crops(tmp_path / "batch1" / CROPS / "102")
    with pytest.raises(LayoutError, match="found 1 trial more than once"):
        _read(tmp_path)


def test_a_folder_without_annotations_is_no_aff_wild2(tmp_path: Path) -> None:
    _crops(tmp_path / CROPS / "102")
    _labels(tmp_path / "AU_Set" / "Train_Set" / "102.txt", header="AU1,AU2")
    with pytest.raises(LayoutError, match=f"starts with `valence,arousal` under {tmp_path}$") as caught:
        _read(tmp_path)
    assert "VA task" in caught.value.hint


def test_a_folder_of_archives_asks_to_unpack_them(tmp_path: Path) -> None:
    (tmp_path / "ABAW Annotations.zip").touch()
    with pytest.raises(LayoutError, match="but 1 archive") as caught:
        _read(tmp_path)
    assert "unpack" in caught.value.hint


def test_a_missing_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no folder"):
        _read(tmp_path / "raw")


# Crops and labels.


def test_the_kth_line_of_labels_belongs_to_crop_k(tmp_path: Path) -> None:
    _trial(tmp_path, "102", [f"{k / 100},-0.5" for k in range(1, 13)], ["00012.jpg", "2.jpg", "000009.jpg"])
    rows = [row for row in _read(tmp_path) if row.reason is None]
    assert [(row.frame, row.valence, row.arousal) for row in rows] == [
        (2, 0.02, -0.5),
        (9, 0.09, -0.5),
        (12, 0.12, -0.5),
    ]
    assert [row.path for row in rows] == [f"{CROPS}/102/{name}.jpg" for name in ("2", "000009", "00012")]


def test_a_missing_crop_drops_its_line_and_moves_no_other(tmp_path: Path) -> None:
    _trial(tmp_path, "102", 5, ["00002.jpg", "00004.jpg"])
    rows = _read(tmp_path)
    assert _reasons(rows) == [(1, "no crop"), (2, None), (3, "no crop"), (4, None), (5, "no crop")]
    assert [row.path for row in rows] == [f"{CROPS}/102/0000{k}.jpg" for k in range(1, 6)]
    assert [row.valence for row in rows] == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_crops_without_a_line_are_dropped(tmp_path: Path) -> None:
    _trial(tmp_path, "102", 2, ["00000.jpg", "00001.jpg", "00002.jpg", "00003.jpg", "00009.jpg"])
    reason = "no annotation: the labels have 2 lines"
    found = _reasons(_read(tmp_path, align="truncate"))
    assert found == [(0, reason), (1, None), (2, None), (3, reason), (9, reason)]


def test_crops_numbered_beyond_the_lines_by_more_than_two_are_refused(tmp_path: Path) -> None:
    _trial(tmp_path, "102", 2, ["00001.jpg", "00004.jpg"])
    assert [row.reason for row in _read(tmp_path)] == [
        *(None, "no crop", "no annotation: the labels have 2 lines")
    ]
    _trial(tmp_path, "103", 2, ["00001.jpg", "00005.jpg"])
    with pytest.raises(LayoutError, match=r"labels and crops of 1 trial under .* do not fit: ") as caught:
        _read(tmp_path)
    assert caught.value.message.endswith(": 103 has 2 lines, and crops up to number 5")
    assert "dataset.align=truncate" in caught.value.hint


def test_crops_that_are_counted_from_0_are_refused(tmp_path: Path) -> None:
    """By their numbers each would have the label of the frame before it."""
    _trial(tmp_path, "102", 4, ["00000.jpg", "00001.jpg", "00002.jpg", "00003.jpg"])
    with pytest.raises(LayoutError, match="102 has 4 lines, but its crops are numbered from 0"):
        _read(tmp_path)


def test_a_video_that_is_not_as_long_as_its_labels_is_refused(tmp_path: Path) -> None:
    """Frames that a recording dropped leave no trace: each label after them would be another frame's."""
    for trial, lines, frames in (("102", 5, 3), ("103", 3, 5), ("104", 9, 6), ("105", 4, 7)):
        _labels(tmp_path / TRAIN / f"{trial}.txt", lines)
        _video(tmp_path / f"batch1/{trial}.mp4", frames)
    with pytest.raises(LayoutError, match=r"labels and videos of 2 trials under .* do not fit: ") as caught:
        _read(tmp_path)
    assert caught.value.message.endswith("104 has 9 lines and 6 frames; 105 has 4 lines and 7 frames")
    kept = Counter(row.clip for row in _read(tmp_path, align="truncate") if row.reason is None)
    assert kept == {"102": 3, "103": 3, "104": 6, "105": 4}


def test_what_has_no_labels_or_no_pictures_is_dropped_and_refuses_nothing(tmp_path: Path) -> None:
    _trial(tmp_path, "102", 0, 5)
    _trial(tmp_path, "103", 5, 0)
    _trial(tmp_path, "104", 3, 3)
    (tmp_path / TRAIN / "105.txt").write_text("no header\n")
    _crops(tmp_path / CROPS / "105", 9)
    _labels(tmp_path / "ABAW Annotations/VA_Estimation_Challenge/Test_Set/106.txt", 1)
    _crops(tmp_path / CROPS / "106", 9)
    assert {row.clip for row in _read(tmp_path) if row.reason is None} == {"104"}


@given(lines=st.integers(0, 6), crops=st.sets(st.integers(0, 8)))
def test_lines_and_crops_are_each_found_once(
    tmp_path_factory: pytest.TempPathFactory, lines: int, crops: set[int]
) -> None:
    root = tmp_path_factory.mktemp("raw")
    _trial(root, "102", lines, [f"{k:05d}.jpg" for k in crops])
    rows = _read(root, align="truncate")
    labelled = set(range(1, lines + 1))
    assert [row.frame for row in rows] == sorted(labelled | crops)
    assert {row.frame for row in rows if row.reason is None} == labelled & crops
    assert {row.frame for row in rows if row.valence is not None} == labelled


def test_a_trial_without_a_crop_is_dropped_with_or_without_its_folder(tmp_path: Path) -> None:
    _trial(tmp_path, "102")
    _trial(tmp_path, "103", crops=0)
    _labels(tmp_path / TRAIN / "104.txt")
    reasons = {row.clip: row.reason for row in _read(tmp_path)}
    assert reasons == {"102": None, "103": "no crop", "104": "no crop: the trial has no folder of crops"}
    assert next(row.path for row in _read(tmp_path) if row.clip == "104") == f"{CROPS}/104/00001.jpg"


def test_of_several_crops_of_a_number_one_counts(tmp_path: Path) -> None:
    _trial(tmp_path, "102", 2, ["00001.png", "1.jpg", "00001.jpg", "00002.PNG", "00002.txt", "x00002.jpg"])
    assert [row.path for row in _read(tmp_path)] == [f"{CROPS}/102/00001.jpg", f"{CROPS}/102/00002.PNG"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-5,-5", "no label: valence is -5"),
        ("-5.0, -5.0", "no label: valence is -5"),
        ("-5,0.2", "no label: valence is -5"),
        ("0.2,-5", "no label: arousal is -5"),
        ("1.5,-5", "no label: arousal is -5"),
        ("1.01,0", "label out of range: valence is 1.01, expected -1 to 1"),
        ("0,-1.5", "label out of range: arousal is -1.5, expected -1 to 1"),
        ("nan,0", "label out of range: valence is nan, expected -1 to 1"),
        ("0,inf", "label out of range: arousal is inf, expected -1 to 1"),
        ("", "no label: blank line"),
        ("high,low", "label is not a number: 'high,low'"),
        ("0.5", "broken label: '0.5', expected valence,arousal"),
        ("0.5,0.5,0.5", "broken label: '0.5,0.5,0.5', expected valence,arousal"),
    ],
)
def test_a_line_without_two_labels_is_dropped_and_moves_no_other(
    tmp_path: Path, line: str, reason: str
) -> None:
    _trial(tmp_path, "102", ["0.1,0.1", line, "0.3,0.3"])
    rows = _read(tmp_path)
    assert _reasons(rows) == [(1, None), (2, reason), (3, None)]
    assert [(row.valence, row.arousal) for row in rows] == [(0.1, 0.1), (None, None), (0.3, 0.3)]


def test_blank_lines_that_a_conversion_of_line_ends_leaves_move_no_label(tmp_path: Path) -> None:
    _labels(tmp_path / TRAIN / "102.txt", 4, end="\r\r\n")
    _labels(tmp_path / TRAIN / "103.txt", ["", "0.2,-0.2"])  # the first frame has no label
    for trial in ("102", "103"):
        _crops(tmp_path / CROPS / trial, 4 if trial == "102" else 2)
    assert [(row.clip, row.frame, row.valence) for row in _read(tmp_path)] == [
        *(("102", number, number / 10) for number in (1, 2, 3, 4)),
        *(("103", 1, None), ("103", 2, 0.2)),
    ]


def test_line_ends_spaces_blank_lines_at_the_end_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    _crops(tmp_path / CROPS / "102")
    lines = [" 0.125 , -0.5 ", "1,-1", "-1.0,1.0", "", "  "]
    _labels(tmp_path / TRAIN / "102.txt", lines, header="\ufeffValence, Arousal ", end="\r\n")
    rows = _read(tmp_path)
    assert [(row.valence, row.arousal, row.reason) for row in rows] == [
        (0.125, -0.5, None),
        (1.0, -1.0, None),
        (-1.0, 1.0, None),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "broken annotation file: 102.txt starts with ''"),
        (b"0.1,0.1\n0.2,0.2\n", "broken annotation file: 102.txt starts with '0.1,0.1', expected 'valence,"),
        (b"Neutral,Anger\n1\n2\n", "broken annotation file: 102.txt starts with 'Neutral,Anger'"),
        (b"\xff\xfev\x00a\x00", "broken annotation file: 102.txt starts with"),
        (None, "unreadable annotation file: 102.txt: "),
    ],
)
def test_a_broken_annotation_drops_its_trial_and_no_other(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    _trial(tmp_path, "102")
    _trial(tmp_path, "103")
    file = tmp_path / TRAIN / "102.txt"
    file.unlink()
    # A link that leads nowhere is listed like a file and cannot be opened.
    file.symlink_to("nowhere.txt") if content is None else file.write_bytes(content)
    rows = _read(tmp_path)
    assert [row.clip for row in rows] == ["102"] * 3 + ["103"] * 3
    assert all(row.reason.startswith(reason) for row in rows[:3])
    assert [row.reason for row in rows[3:]] == [None] * 3


def test_a_folder_of_crops_that_cannot_be_listed_drops_its_trial(tmp_path: Path) -> None:
    _trial(tmp_path, "102")

    def vanish() -> list[Row]:
        rows = read(tmp_path, Options())
        first = next(rows)
        folder = tmp_path / CROPS / "103"
        folder.rmdir()
        return [first, *rows]

    _trial(tmp_path, "103", crops=0)
    assert {row.reason for row in vanish() if row.clip == "103"} == {
        "no crop: cannot list the folder: No such file or directory"
    }


# Splits, test sets and identities.


def test_test_labels_are_placeholders(tmp_path: Path) -> None:
    _trial(tmp_path, "102")
    _trial(tmp_path, "500", ["0.5,-0.5"] * 2, folder=TRAIN.replace("Train", "Test"))
    rows = [row for row in _read(tmp_path) if row.clip == "500"]
    assert {(row.valence, row.arousal, row.split, row.reason) for row in rows} == {
        (None, None, "test", "no label: test labels are hidden")
    }
    assert [row.frame for row in rows] == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "names_of_videos_in_each_test_set/Valence_Arousal_Estimation_Challenge_test_set_release.txt",
            ["video90_left", "102"],
        ),
        ("6th_VA_test_set_example.txt", ["image_location,valence,arousal", "video90_left/00001.jpg,0.5,0.5"]),
        ("VA_Challenge_video_and_total_number_of_frames.txt", ["name, frames", "video90_left.mp4, 3"]),
    ],
)
def test_trials_in_a_list_of_the_test_set_have_hidden_labels(
    tmp_path: Path, name: str, lines: list[str]
) -> None:
    _trial(tmp_path, "102")
    _crops(tmp_path / CROPS / "video90_left", 1)
    _crops(tmp_path / CROPS / "video91", 1)
    _labels(tmp_path / "VA_Set" / "Test_Set" / name, lines[1:], header=lines[0])
    rows = _read(tmp_path)
    assert [(row.clip, row.split, row.reason) for row in rows] == [
        *[("102", "train", None)] * 3,  # an annotation says more than a list
        ("video90_left", "test", "no label: test labels are hidden"),
        ("video91", None, "no annotation"),
    ]


def test_identities_are_trials_or_base_videos(tmp_path: Path) -> None:
    trials = ["9-30-320x240-1", "9-30-320x240-2", "video4_1", "video4_2", "video5_left", "video5_right"]
    for trial in trials:
        _trial(tmp_path, trial, 1, 1)
    assert [row.identity for row in _read(tmp_path)] == trials
    assert [row.identity for row in _read(tmp_path, identity="base")] == [
        *["9-30-320x240"] * 2,
        *["video4"] * 2,
        "video5_left",
        "video5_right",
    ]


# Videos.


def test_frames_of_videos_are_matched_to_lines_by_number(tmp_path: Path) -> None:
    for trial, lines, frames in (("102", 4, 4), ("103", 5, 4), ("104", 3, 4)):
        _labels(tmp_path / TRAIN / f"{trial}.txt", lines)
        _video(tmp_path / "batch1" / f"{trial}.avi", frames)
    rows = _read(tmp_path)
    assert all(row.video_frame == row.frame - 1 and not row.cropped for row in rows)
    assert {row.path for row in rows if row.clip == "102"} == {"batch1/102.avi"}
    assert Counter((row.clip, row.reason) for row in rows) == {
        ("102", None): 4,
        ("103", None): 4,
        ("103", "no frame: the video has 4"): 1,
        ("104", None): 3,
        ("104", "no annotation: the labels have 3 lines"): 1,
    }


def test_people_in_one_video_are_told_by_their_side(tmp_path: Path) -> None:
    for trial in ("video5_left", "video5_right", "video6", "video6_right", "video7_1"):
        _labels(tmp_path / TRAIN / f"{trial}.txt", 1)
    for stem in ("video5", "video6", "video7_1"):
        _video(tmp_path / "new_vids" / f"{stem}.mp4", 1)
    assert [(row.clip, row.path, row.side) for row in _read(tmp_path)] == [
        ("video5_left", "new_vids/video5.mp4", "left"),
        ("video5_right", "new_vids/video5.mp4", "right"),
        ("video6", "new_vids/video6.mp4", "left"),
        ("video6_right", "new_vids/video6.mp4", "right"),
        ("video7_1", "new_vids/video7_1.mp4", None),
    ]


def test_the_first_kind_of_video_counts_and_videos_of_other_tasks_last(tmp_path: Path) -> None:
    for trial in ("102", "103", "104", "105"):
        _labels(tmp_path / "VA_Set" / "annotations" / "Train_Set" / f"{trial}.txt", 1)
    _video(tmp_path / "a" / "102.avi", 1)
    _video(tmp_path / "b" / "102.mp4", 1)
    _video(tmp_path / "EXPR_Set/videos/Train_Set/103.mp4", 2)
    _video(tmp_path / "VA_Set/videos/Train_Set/103.mp4", 1)
    _video(tmp_path / "AU_Set/videos/Train_Set/104.mp4", 1)
    _video(tmp_path / "EXPR_Set/videos/Train_Set/104.mp4", 1)  # the same bytes
    _video(tmp_path / "c" / "105.mkv", 1).rename(tmp_path / "c" / "105.MKV")
    assert [row.path for row in _read(tmp_path)] == [
        "b/102.mp4",
        "VA_Set/videos/Train_Set/103.mp4",
        "AU_Set/videos/Train_Set/104.mp4",
        "c/105.MKV",
    ]


def test_two_videos_of_one_name_that_differ_are_listed(tmp_path: Path) -> None:
    _labels(tmp_path / TRAIN / "102.txt")
    first, second = _video(tmp_path / "a/102.mp4", 1), _video(tmp_path / "b/102.mp4", 9)
    with pytest.raises(LayoutError, match="found 1 trial more than once") as caught:
        _read(tmp_path)
    assert f"{first}, {second}" in caught.value.message


def test_videos_that_are_missing_or_broken_drop_their_trials(tmp_path: Path) -> None:
    for trial in ("102", "103", "video5_left"):
        _labels(tmp_path / TRAIN / f"{trial}.txt", 1)
    _video(tmp_path / "batch1" / "102.mp4", 1)
    (tmp_path / "batch1" / "103.mp4").write_bytes(b"")
    rows = _read(tmp_path)
    assert [row.clip for row in rows] == ["102", "103", "video5_left"]
    assert [(row.reason or "").partition(":")[0] for row in rows] == ["", "unreadable video", "no video"]
    assert str(tmp_path) not in rows[1].reason
    assert rows[2].path == "batch1/video5.mp4"


def test_videos_without_annotation_are_found_and_dropped(tmp_path: Path) -> None:
    _labels(tmp_path / TRAIN / "video5_left.txt", 2)
    _labels(tmp_path / "VA_test_set_release.txt", ["video7_right"], header="104")
    for stem in ("103", "104", "video5", "video7", "trailer"):
        _video(tmp_path / "batch1" / f"{stem}.mp4", 2)
    assert list(dict.fromkeys((row.clip, row.reason) for row in _read(tmp_path))) == [
        ("103", "no annotation"),
        ("104", "no label: test labels are hidden"),
        ("video5_left", None),
        ("video7_right", "no label: test labels are hidden"),
    ]


def test_aligned_crops_go_before_videos_and_videos_before_other_crops(tmp_path: Path) -> None:
    _labels(tmp_path / TRAIN / "102.txt")
    _crops(tmp_path / "cropped" / "batch1" / "102")
    assert _read(tmp_path)[0].path == "cropped/batch1/102/00001.jpg"
    _video(tmp_path / "batch1" / "102.mp4")
    assert _read(tmp_path)[0].path == "batch1/102.mp4"
    assert _read(tmp_path, source="crops")[0].path == "cropped/batch1/102/00001.jpg"
    _crops(tmp_path / CROPS / "102")
    assert _read(tmp_path)[0].path == f"{CROPS}/102/00001.jpg"
    assert _read(tmp_path, source="videos")[0].path == "batch1/102.mp4"


def test_labels_without_pictures_say_what_is_wanted(tmp_path: Path) -> None:
    _labels(tmp_path / TRAIN / "102.txt")
    with pytest.raises(
        LayoutError, match=r"labels of 1 trials .* neither cropped_aligned/<trial>/ nor videos"
    ):
        _read(tmp_path)
    _crops(tmp_path / CROPS / "102")
    with pytest.raises(LayoutError, match="but no videos") as caught:
        _read(tmp_path, source="videos")
    assert "auto" in caught.value.hint
    (tmp_path / CROPS).rename(tmp_path / "faces")
    _video(tmp_path / "102.mp4")
    with pytest.raises(LayoutError, match="but no cropped_aligned"):
        _read(tmp_path, source="crops")


# Synthetic datasets.


@pytest.mark.parametrize("layout", ["abaw1", "abaw2", "abaw3", "abaw6", "abaw8", "deep"])
@pytest.mark.parametrize("source", ["crops", "videos"])
def test_imitations_of_every_edition_are_read_in_full(tmp_path: Path, layout: Any, source: Any) -> None:
    options = SynthOptions(people=4, clips=4, frames=2, layout=layout, source=source, **SMALL)
    write(tmp_path, np.random.default_rng(0), options)
    rows = _read(tmp_path)
    assert [(row.clip, row.split) for row in rows[::2]] == [
        ("102", "train"),
        ("8-30-160x120", "train"),
        ("video5", "train"),
        ("video6", "val"),
    ]
    assert [row.reason for row in rows] == [None] * 8
    assert all((row.video_frame is None) == row.cropped == (source == "crops") for row in rows)


def test_an_imitation_holds_all_kinds_of_trials_and_nobody_in_two_splits(tmp_path: Path) -> None:
    write(tmp_path, np.random.default_rng(0), SynthOptions(frames=1, source="both", **SMALL))
    rows = _read(tmp_path, source="videos")
    splits = {row.clip: row.split for row in rows}
    assert len(rows) == 16
    assert {"102", "114", "8-30-160x120-1", "8-30-160x120-2", "video5_1", "video5_2"} <= splits.keys()
    assert [clip for clip in splits if splits[clip] == "val"] == [
        "video12_1",
        "video13_1_left",
        "video13_1_right",
    ]
    assert {row.clip: row.side for row in rows if row.side} == {
        "video6_1_left": "left",
        "video6_1_right": "right",
        "video8_1": "left",
        "video8_1_right": "right",
        "video13_1_left": "left",
        "video13_1_right": "right",
    }
    assert cv2.imread(str(tmp_path / _read(tmp_path)[0].path)).shape == (112, 112, 3)
    [(_, frame)] = video.frames(tmp_path / rows[0].path, [0])
    assert frame.shape == (120, 160, 3)


@pytest.mark.parametrize("identities", range(1, 15))
def test_people_in_one_video_are_in_one_split(identities: int) -> None:
    films = list(_films(SynthOptions(people=identities, clips=2 * identities + 1)))
    splits: dict[int, set[str]] = {}
    for film in films:
        for person in film.people:
            splits.setdefault(person, set()).add(film.split)
    assert all(len(of_person) == 1 for of_person in splits.values())
    assert sorted(itertools.chain.from_iterable(film.clips for film in films)) == list(
        range(2 * identities + 1)
    )
    assert len({film.stem for film in films}) == len(films)
    assert {film.split for film in films} == ({"train", "val"} if identities > 1 else {"train"})


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic dataset with every defect, of crops and of videos."""
    root = tmp_path_factory.mktemp("spoilt")
    options = SynthOptions(people=12, clips=12, source="both", defects=True, **SMALL)
    write(root, np.random.default_rng(0), options)
    return root


def test_crops_of_an_imitation_with_defects_are_read_and_every_defect_counted(spoilt: Path) -> None:
    rows = _read(spoilt)
    kinds = Counter((row.clip, row.reason.partition(":")[0]) for row in rows if row.reason)
    assert kinds == {
        ("102", "no label"): 4,
        ("8-30-160x120", "no crop"): 4,  # three lost crops, and a line more than frames
        ("video5", "no crop"): 6,
        ("video6_left", "no crop"): 6,
        ("video6_right", "no annotation"): 1,
        ("video8", "no label"): 1,
        ("video8", "label out of range"): 2,
        ("video8", "label is not a number"): 1,
        ("video8", "broken label"): 1,
        ("video8_right", "broken annotation file"): 6,
        ("500", "no label"): 3,
        ("video90_left", "no label"): 6,
    }
    assert [Path(row.path).name for row in rows if row.clip == "109"][3:5] == ["00004.JPG", "00005.jpg"]
    assert {row.clip for row in rows if row.split == "test"} == {"500", "video90_left"}
    assert [row.valence for row in rows if row.clip == "video8" and row.valence is not None] == [0.125]


def test_videos_of_an_imitation_with_defects_are_read_and_every_defect_counted(spoilt: Path) -> None:
    rows = _read(spoilt, source="videos")
    kinds = Counter((row.clip, (row.reason or "").partition(":")[0]) for row in rows if row.reason)
    assert kinds["8-30-160x120", "no frame"] == 1
    assert kinds["video5", "unreadable video"] == 6
    assert kinds["video6_left", "no video"] == 6
    assert kinds["video6_right", "no video"] == 5
    assert kinds["500", "no label"] == 3
    assert kinds["video90_left", "no label"] == 6


@pytest.mark.parametrize("source", ["crops", "both"])
def test_the_same_seed_draws_the_same_tree(tmp_path: Path, source: Any) -> None:
    options = SynthOptions(people=2, clips=2, frames=2, source=source, **SMALL)
    for name in ("a", "b"):
        write(tmp_path / name, np.random.default_rng(3), options)
    for file in (tmp_path / "a").rglob("*.*"):
        assert (
            file.is_dir()
            or file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()
        )


def test_fewer_clips_than_identities_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="5 clips cannot show 6 identities"):
        write(tmp_path, np.random.default_rng(0), SynthOptions(people=6, clips=5))


def test_too_few_clips_for_all_defects_is_a_mistake(tmp_path: Path) -> None:
    options = SynthOptions(people=1, clips=1, frames=1, defects=True, **SMALL)
    with pytest.raises(ConfigError, match="1 clips of 1 frames cannot show all defects; wanted 8 clips of 6"):
        write(tmp_path, np.random.default_rng(0), options)


def test_the_card_tells_how_many_trials_a_complete_copy_holds() -> None:
    assert card.read("aff-wild2").totals.clips == 356 + 76 + 162
