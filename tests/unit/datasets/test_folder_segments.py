from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elimctl.datasets.folder import Options, read
from elimctl.datasets.folder_record import FieldError
from elimctl.datasets.folder_segments import parse_segment
from elimctl.datasets.raw import video
from elimctl.manifest.row import Row
from elimctl.synthetic.video_writing import write_video

OMG = "link,start,end,video,utterance,arousal,valence,EmotionMaxVote"


def _video(file: Path, frames: int, fps: int = 5) -> None:
    write_video(file, np.zeros((frames, 16, 16, 3), np.uint8), rate=fps)


def _read(root: Path, header: str, *lines: str, **options: Any) -> list[Row]:
    (root / "labels.csv").write_text("\n".join([header, *lines, ""]))
    return list(read(root, Options(**options)))


def _segment(text: str) -> tuple[float, float] | None:
    start, end = text.split(" ")
    return parse_segment({"start": start, "end": end})


def test_each_frame_has_the_label_of_its_own_segment(tmp_path: Path) -> None:
    _video(tmp_path / "v0.mp4", 10)
    _video(tmp_path / "v1.mp4", 10)
    rows = _read(
        tmp_path,
        OMG,
        "x,0,1,v0,utterance_1.mp4,0.1,-0.8,4",
        "x,1,2,v0,utterance_2.mp4,0.9,0.8,3",
        "x,0.5,1.5,v1,utterance_1.mp4,0.2,0.1,4",
    )
    assert [(row.path, row.video_frame, row.valence) for row in rows] == [
        *(("v0.mp4", number, -0.8) for number in range(5)),
        *(("v0.mp4", number, 0.8) for number in range(5, 10)),
        *(("v1.mp4", number, 0.1) for number in range(3, 8)),
    ]
    assert {row.reason for row in rows} == {None}


def test_a_segment_is_a_clip_and_the_identity_that_of_the_video(tmp_path: Path) -> None:
    _video(tmp_path / "v.mp4", 10)
    lines = ("v.mp4,0,0,0,1", "v.mp4,0,0,1,2")
    for identity in ("auto", "clip", "image"):
        rows = _read(tmp_path, "path,valence,arousal,start,end", *lines, identity=identity)
        assert {row.identity for row in rows} == {"v.mp4"}
        assert [row.clip for row in rows] == [
            *["v.mp4 00000.000-00001.000"] * 5,
            *["v.mp4 00001.000-00002.000"] * 5,
        ]


def test_a_clip_that_the_csv_names_stays(tmp_path: Path) -> None:
    _video(tmp_path / "v.mp4", 10)
    lines = ("v.mp4,0,0,0,1,talk", "v.mp4,0,0,1,2,talk")
    rows = _read(tmp_path, "path,valence,arousal,start,end,clip", *lines, frame_base=1)
    assert [(row.clip, row.frame, row.video_frame) for row in rows] == [("talk", n + 1, n) for n in range(10)]


@pytest.mark.parametrize("first_ms", [0, 700])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_frames_of_a_variable_rate_belong_where_they_are_shown(
    tmp_path: Path, suffix: str, first_ms: int
) -> None:
    times_ms = [first_ms + time for time in (0, 40, 80, 1000, 1100, 1999, 2000, 2500)]
    write_video(tmp_path / f"v{suffix}", np.zeros((8, 16, 16, 3), np.uint8), times_ms=times_ms, b_frames=2)
    lines = (f"v{suffix},-0.5,0,0,1", f"v{suffix},0.5,0,1,2", f"v{suffix},1,0,2,3")
    rows = _read(tmp_path, "path,valence,arousal,start,end", *lines)
    assert [row.valence for row in rows] == [-0.5] * 3 + [0.5] * 3 + [1.0] * 2


def test_times_are_those_of_frames_where_a_container_stores_none(tmp_path: Path) -> None:
    _video(tmp_path / "v.avi", 10, fps=4)
    assert video.frame_times(tmp_path / "v.avi").tolist() == [number / 4 for number in range(10)]


def test_times_at_a_broken_rate_are_exact(tmp_path: Path) -> None:
    _video(tmp_path / "v.mp4", 7, fps=7)
    assert video.frame_times(tmp_path / "v.mp4").tolist() == pytest.approx(
        [n / 7 for n in range(7)], abs=1e-4
    )


@pytest.mark.parametrize(
    ("text", "segment"),
    [
        ("0 1", (0, 1)),
        ("0.5 1.25", (0.5, 1.25)),
        ("0,5 1,25", (0.5, 1.25)),
        ("00:00:01 00:01:02.5", (1, 62.5)),
        ("1:05 90:00", (65, 5400)),
        ("00:00:01,500 01:00:00,000", (1.5, 3600)),
        ("-0.0 1e1", (0, 10)),
    ],
)
def test_times_are_seconds_or_clock_times(text: str, segment: tuple[float, float]) -> None:
    assert _segment(text) == segment


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 1", "segment is empty: 1 to 1 s"),
        ("2 1", "segment is empty: 2 to 1 s"),
        ("-1 1", "segment out of range: start is -1, expected 0 or more"),
        ("0 -1", "segment out of range: end is -1, expected 0 or more"),
        ("nan 1", "invalid segment: start is 'nan', expected seconds or hh:mm:ss"),
        ("0 inf", "invalid segment: end is 'inf', expected seconds or hh:mm:ss"),
        ("0 late", "invalid segment: end is 'late', expected seconds or hh:mm:ss"),
        ("0 0:75", "invalid segment: end is '0:75', expected seconds or hh:mm:ss"),
        ("0 0:75:00", "invalid segment: end is '0:75:00', expected seconds or hh:mm:ss"),
        ("0 1:2:3:4", "invalid segment: end is '1:2:3:4', expected seconds or hh:mm:ss"),
        (" 1", "no segment: start is missing"),
        ("1 ", "no segment: end is missing"),
    ],
)
def test_times_that_are_none_give_the_reason(text: str, reason: str) -> None:
    with pytest.raises(FieldError) as caught:
        _segment(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ("2.5,3", "no frame: the video shows none from 2.5 to 3 s, it ends at 2 s"),
        ("0.05,0.15", "no frame: the video shows none from 0.05 to 0.15 s, it ends at 2 s"),
        ("0,1000", "segment out of range: 0 to 1000 s, the video ends at 2 s"),
        ("100,101", "segment out of range: 100 to 101 s, the video ends at 2 s"),
        ("1,nan", "invalid segment: end is 'nan', expected seconds or hh:mm:ss"),
        ("1,", "no segment: end is missing"),
    ],
)
def test_a_segment_without_frames_is_dropped_once(tmp_path: Path, times: str, reason: str) -> None:
    _video(tmp_path / "v.mp4", 10)
    rows = _read(tmp_path, "path,valence,arousal,start,end", f"v.mp4,0,0,{times}", "v.mp4,1,0,1,2.5")
    assert [row.reason for row in rows] == [reason, *[None] * 5]
    assert [row.video_frame for row in rows] == [None, 5, 6, 7, 8, 9]


def test_without_times_a_line_is_about_the_whole_video(tmp_path: Path) -> None:
    _video(tmp_path / "v.mp4", 3)
    rows = _read(tmp_path, "path,valence,arousal,start,end", "v.mp4,0,0,,")
    assert [(row.clip, row.video_frame) for row in rows] == [("v.mp4", number) for number in range(3)]


@pytest.mark.parametrize(
    "header",
    [
        *("StartTime,EndTime", "Start Time (s),End Time (s)", "t_start,t_end", "start [sec],end [sec]"),
        *("start,end", "start_time,end_time", "Start Time,End-Time", "start_s,end_s", "start_sec,end_sec"),
        *("begin,end", "onset,offset", "begin_time,end_time", "start,stop", "time_start,time_end"),
    ],
)
def test_usual_names_of_times_are_known(tmp_path: Path, header: str) -> None:
    _video(tmp_path / "v.mp4", 10)
    rows = _read(tmp_path, f"path,valence,arousal,{header}", "v.mp4,0,0,1,1.4")
    assert [row.video_frame for row in rows] == [5, 6]


def test_a_length_may_stand_for_the_end(tmp_path: Path) -> None:
    _video(tmp_path / "v.mp4", 10)
    rows = _read(tmp_path, "path,valence,arousal,onset,duration", "v.mp4,0,0,1,0.4")
    assert [row.video_frame for row in rows] == [5, 6]


def test_a_length_alone_is_no_segment(tmp_path: Path) -> None:
    _video(tmp_path / "v.mp4", 3)
    assert len(_read(tmp_path, "path,valence,arousal,duration", "v.mp4,0,0,0.6")) == 3


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("start,note", "no segment: end is missing"),
        ("end,note", "no segment: start is missing"),
        (
            "start_frame,end_frame",
            "no segment: column start_frame is not in seconds, expected columns start and end in seconds",
        ),
        (
            "start_ms,end_ms",
            "no segment: column start_ms is not in seconds, expected columns start and end in seconds",
        ),
    ],
)
def test_half_a_segment_and_other_units_are_not_passed_over(tmp_path: Path, header: str, reason: str) -> None:
    _video(tmp_path / "v.mp4", 3)
    assert [row.reason for row in _read(tmp_path, f"path,valence,arousal,{header}", "v.mp4,0,0,1,2")] == [
        reason
    ]


def test_columns_of_times_do_not_concern_images_and_single_frames(tmp_path: Path) -> None:
    _video(tmp_path / "v.mp4", 10)
    (tmp_path / "a.jpg").touch()
    rows = _read(tmp_path, "path,valence,arousal,start,frame", "a.jpg,0,0,soon,", "v.mp4,0,0,1,7")
    assert [(row.video_frame, row.reason) for row in rows] == [(None, None), (7, None)]
