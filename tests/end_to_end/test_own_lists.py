"""Lists of one's own, through the command line: segments, people, things listed twice, other columns."""

from itertools import count

import cv2
import numpy as np
import pytest

from elimctl.manifest import parquet
from elimctl.synthetic.video_writing import write_video

PREPARE = ["--detector", "annotation", "--size", "32", "--workers", "1"]


@pytest.fixture
def prepare(call, tmp_path):
    """Prepare a folder with one CSV; returns its rows, the kept and the dropped ones."""
    numbers = count()

    def run(lines, *settings):
        (tmp_path / "raw" / "labels.csv").write_text("\n".join([*lines, ""]))
        workspace = tmp_path / str(next(numbers))
        assert call("prepare", "folder", tmp_path / "raw", *PREPARE, *settings, "--workspace", workspace) == 0
        return parquet.read(workspace / "data" / "folder" / "manifest.parquet").to_pylist()

    (tmp_path / "raw").mkdir()
    return run


def _image(file, seed):
    cv2.imwrite(str(file), np.random.default_rng(seed).integers(0, 256, (64, 128, 3), np.uint8))


def _reasons(rows):
    return sorted(row["reason"] or "" for row in rows)


def test_each_segment_of_a_video_gives_its_own_frames_their_labels(prepare, tmp_path):
    for name in ("v0", "v1"):
        frames = np.random.default_rng(0).integers(0, 256, (10, 64, 64, 3), np.uint8)
        write_video(tmp_path / "raw" / f"{name}.mp4", frames, rate=5)
    rows = prepare(
        [
            "link,start,end,video,utterance,arousal,valence,EmotionMaxVote,x,y,w,h",
            "x,0,1,v0,utterance_1.mp4,0.1,-0.8,4,8,8,40,40",
            "x,1,2,v0,utterance_2.mp4,0.9,0.8,3,8,8,40,40",
            "x,0:00,0:01.2,v1,utterance_1.mp4,0.2,0.1,4,8,8,40,40",
            "x,0.8,2,v1,utterance_2.mp4,0.2,0.5,4,8,8,40,40",
        ],
        *("--set", "prepare.folds=2"),
    )
    found = {(row["path"], row["frame"], round(row["valence"], 3)): row["reason"] for row in rows}
    kept = {place for place, reason in found.items() if reason is None}
    assert kept == {
        *(("v0.mp4", number, -0.8) for number in range(5)),
        *(("v0.mp4", number, 0.8) for number in range(5, 10)),
        *(("v1.mp4", number, 0.1) for number in range(4)),
        *(("v1.mp4", number, 0.5) for number in range(6, 10)),
    }
    dropped = {place: reason for place, reason in found.items() if reason}
    assert dropped == {("v1.mp4", n, v): "labels disagree: valence" for n in (4, 5) for v in (0.1, 0.5)}


def test_lines_about_whole_videos_that_contradict_each_other_are_dropped(prepare, tmp_path):
    for name in ("v0", "v1", "v2"):
        write_video(tmp_path / "raw" / f"{name}.mp4", np.zeros((2, 64, 64, 3), np.uint8), rate=5)
    lines = [
        f"v{number},{valence},0,8,8,40,40"
        for number, valence in ((0, 0.1), (1, 0.5), (0, 0.2), (1, 0.5), (2, 0))
    ]
    rows = prepare(["video,valence,arousal,x,y,w,h", *lines], "--set", "prepare.folds=2")
    assert _reasons(rows) == [*[""] * 4, *["labels disagree: valence"] * 4, *["listed twice"] * 2]
    assert {row["path"] for row in rows if row["status"] == "kept"} == {"v1.mp4", "v2.mp4"}


def test_an_image_under_two_identities_is_kept_once(prepare, tmp_path):
    for number in range(3):
        _image(tmp_path / "raw" / f"{number}.png", number)
    lines = ["0.png,0.3,0,id0", "1.png,0,0,id1", "2.png,0,0,id2", "0.png,-0.9,0.9,ID0", "0.png,0.3,0,id9"]
    rows = prepare(
        ["path,valence,arousal,identity,x,y,w,h", *(f"{line},8,8,40,40" for line in lines)],
        "--set",
        "prepare.folds=3",
    )
    assert _reasons(rows) == ["", "", "", *["identities disagree: listed before as id0"] * 2]
    [kept] = [row for row in rows if row["path"] == "0.png" and row["status"] == "kept"]
    assert (kept["identity"], round(kept["valence"], 3)) == ("id0", 0.3)


def test_people_in_one_image_without_identities_are_each_kept_in_one_fold(prepare, tmp_path):
    lines = []
    for number in range(3):
        _image(tmp_path / "raw" / f"g{number}.png", number)
        lines += [f"g{number}.png,8,8,40,40,-0.{number},0.1", f"g{number}.png,72,8,40,40,0.{number},0.3"]
    rows = prepare(["path,x,y,w,h,valence,arousal", *lines, lines[0]], "--set", "prepare.folds=3")
    assert _reasons(rows) == [*[""] * 6, "listed twice"]
    kept = [row for row in rows if row["status"] == "kept"]
    assert len({row["image_sha256"] for row in kept}) == 6
    assert sorted((row["path"], row["x0"], round(row["arousal"], 3)) for row in kept) == [
        place for number in range(3) for place in ((f"g{number}.png", 8, 0.1), (f"g{number}.png", 72, 0.3))
    ]
    assert len({(row["path"], row["fold"]) for row in kept}) == 3
    assert len({(row["clip"], row["frame"]) for row in kept}) == 6


def test_people_in_the_frames_of_a_video_have_clips_of_their_own(prepare, tmp_path):
    for name in "ab":
        frames = np.random.default_rng(0).integers(0, 256, (3, 64, 128, 3), np.uint8)
        write_video(tmp_path / "raw" / f"{name}.mp4", frames)
    lines = [
        f"{name}.mp4,{frame},{x},8,40,40,0.{x},0" for name in "ab" for frame in range(3) for x in (8, 72)
    ]
    rows = prepare(["path,frame,x,y,w,h,valence,arousal", *lines], "--set", "prepare.folds=2")
    assert _reasons(rows) == [""] * 12
    assert {(row["clip"], row["x0"]) for row in rows} == {
        *(("a.mp4", 8), ("a.mp4 face 2", 72), ("b.mp4", 8), ("b.mp4 face 2", 72)),
    }
    assert all(round(row["valence"], 3) == (0.8 if row["x0"] == 8 else 0.72) for row in rows)


def test_columns_and_ranges_come_from_the_command_line_or_a_recipe(prepare, refused, tmp_path):
    lines = ["bild;val;ar;wer;x;y;w;h"]
    for number in range(4):
        _image(tmp_path / "raw" / f"{number}.png", number)
        lines.append(f"{number}.png;{1 + 2 * number};0,{number};p{number // 2};8;8;40;40")
    named = {"path": "bild", "valence": "val", "arousal": "ar", "identity": "wer"}
    sets = [f"dataset.columns.{key}={name}" for key, name in named.items()]
    sets += ["dataset.label_range.valence=[1,9]", "dataset.label_range.arousal=[0,1]"]
    by_option = prepare(
        lines, "--set", "prepare.folds=2", *(part for text in sets for part in ("--set", text))
    )
    assert [(row["identity"], row["valence"]) for row in by_option] == [
        ("p0", -1.0),
        ("p0", -0.5),
        ("p1", 0.0),
        ("p1", 0.5),
    ]
    assert [round(row["arousal"], 3) for row in by_option] == [-1.0, -0.8, -0.6, -0.4]
    recipe = tmp_path / "r.toml"
    written = [f"{key} = '{name}'" for key, name in named.items()]
    ranges = ["[dataset.label_range]", "valence = [1, 9]", "arousal = [0, 1]"]
    recipe.write_text("\n".join(["[dataset.columns]", *written, *ranges]))
    assert prepare(lines, "--set", "prepare.folds=2", "--recipe", recipe) == by_option
    message = refused("prepare", "folder", tmp_path / "raw", "--set", "dataset.columns.pth=bild")
    assert "unknown key dataset.columns.pth" in message
    assert "hint: write dataset.columns.path" in message
    message = refused("prepare", "folder", tmp_path / "raw", "--set", "dataset.columns.path=bilder")
    assert "has no column bilder (dataset.columns.path)" in message
    assert "'bild, val, ar, wer, x, y, w, h'" in message
