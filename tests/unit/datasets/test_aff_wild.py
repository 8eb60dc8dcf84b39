import gzip
import io
import shutil
import tarfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elimctl.datasets.aff_wild import Options, read
from elimctl.datasets.raw import video
from elimctl.datasets.raw.pts import write_points
from elimctl.datasets.raw.video import count_frames, frame_times
from elimctl.errors import ConfigError, LayoutError, MissingError
from elimctl.manifest.row import Row
from elimctl.synthetic.aff_wild import ARCHIVE, clip_name, write
from elimctl.synthetic.aff_wild import Options as SynthOptions
from elimctl.synthetic.video_writing import write_video

CORNERS = [(10.5, 5.0), (10.5, 40.25), (50.0, 40.25), (50.0, 5.0)]
LANDMARKS = [(10.0 + i, 20.0 + i % 7) for i in range(68)]


def _video(path: Path, n_frames: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, (np.full((48, 64, 3), 20 + 5 * i, np.uint8) for i in range(n_frames)), codec="mjpeg")
    return path


def _clip(
    root: Path,
    name: str = "102",
    *,
    n_frames: int | None = 4,
    lines: Any = 4,
    arousal: Any = None,
    boxed: Iterable[int] | None = None,
    train: str = "train",
) -> Path:
    """Write a clip.

    Args:
        root: where to.
        name: of the clip.
        n_frames: of its video, None for no video.
        lines: content of the file of valence, or number of lines with 0.0, 0.1 and so on.
        arousal: content of the file of arousal; by default -0.5 on as many lines.
        boxed: numbers of the `.pts` files of boxes and landmarks; by default those of all frames.
        train: folders between the kinds and the clips.
    """
    if n_frames is not None:
        _video(root / "videos" / train / f"{name}.avi", n_frames)
    if isinstance(lines, int):
        arousal = "-0.5\n" * lines if arousal is None else arousal
        lines = "".join(f"{i / 10}\n" for i in range(lines))
    for column, content in (("valence", lines), ("arousal", arousal)):
        folder = root / "annotations" / train / column
        folder.mkdir(parents=True, exist_ok=True)
        if content is not None:
            (folder / f"{name}.txt").write_bytes(content.encode() if isinstance(content, str) else content)
    for kind, points in (("bboxes", CORNERS), ("landmarks", LANDMARKS)):
        folder = root / kind / train / name
        folder.mkdir(parents=True)
        for number in range(1, (n_frames or 0) + 1) if boxed is None else boxed:
            write_points(folder / f"{number}.pts", points)
    return root


def _read(root: Path, **options: Any) -> list[Row]:
    return list(read(root, Options(**options)))


def _reasons(rows: list[Row]) -> dict[int, str | None]:
    return {row.frame: row.reason for row in rows}


def test_line_i_belongs_to_frame_i_and_to_file_i_plus_one(tmp_path: Path) -> None:
    _clip(tmp_path)
    write_points(tmp_path / "bboxes/train/102/2.pts", [(x + 1, y) for x, y in CORNERS])
    write_points(tmp_path / "landmarks/train/102/2.pts", [(x + 1, y) for x, y in LANDMARKS])
    rows = _read(tmp_path)
    assert [(row.frame, row.video_frame, row.valence, row.arousal) for row in rows] == [
        (0, 0, 0.0, -0.5),
        (1, 1, 0.1, -0.5),
        (2, 2, 0.2, -0.5),
        (3, 3, 0.3, -0.5),
    ]
    assert {(row.path, row.clip, row.identity) for row in rows} == {("videos/train/102.avi", "102", "102")}
    assert {(row.split, row.actor, row.cropped, row.reason) for row in rows} == {(None, None, False, None)}
    assert [row.box for row in rows[:2]] == [(10.5, 5.0, 50.0, 40.25), (11.5, 5.0, 51.0, 40.25)]
    np.testing.assert_array_equal(rows[1].landmarks, np.float32(LANDMARKS) + np.float32([1, 0]))
    assert rows[1].landmarks.dtype == np.float32


@pytest.mark.parametrize("wrapper", ["", "aff_wild_videos_annotations_bboxes_landmarks", "a/b"])
@pytest.mark.parametrize("train", ["train", "train/train", "train.tar.gz/train"])
def test_clips_are_found_below_any_folders(tmp_path: Path, wrapper: str, train: str) -> None:
    for name in ("201", "102"):
        _clip(tmp_path / wrapper, name, n_frames=1, lines=1, train=train)
    rows = _read(tmp_path)
    assert [row.clip for row in rows] == ["102", "201"]
    assert all(row.box and row.landmarks is not None and row.reason is None for row in rows)
    assert all((tmp_path / row.path).is_file() for row in rows)


def test_boxes_may_be_spelt_bboxs_and_kinds_in_capitals(tmp_path: Path) -> None:
    _clip(tmp_path, n_frames=1, lines=1)
    (tmp_path / "bboxes").rename(tmp_path / "bboxs")
    (tmp_path / "videos").rename(tmp_path / "Videos")
    (tmp_path / "Videos/train/102.avi").rename(tmp_path / "Videos/train/102.AVI")
    [row] = _read(tmp_path)
    assert row.box is not None
    assert row.path == "Videos/train/102.AVI"


def test_boxes_and_landmarks_may_be_absent(tmp_path: Path) -> None:
    _clip(tmp_path)
    for kind in ("bboxes", "landmarks"):
        shutil.rmtree(tmp_path / kind)
    assert [(row.box, row.landmarks, row.reason) for row in _read(tmp_path)] == [(None, None, None)] * 4


@pytest.mark.parametrize(
    ("source", "copy", "what"),
    [
        ("videos/train/102.avi", "videos/train/102.mp4", "videos of 1 clip"),
        ("videos/train/102.avi", "more/videos/102.avi", "videos of 1 clip"),
        ("annotations/train/valence/102.txt", "old/valence/102.txt", "files of valence of 1 clip"),
        ("annotations/train/arousal/102.txt", "old/arousal/102.txt", "files of arousal of 1 clip"),
        ("bboxes/train/102", "bboxs/train/102", "folders of boxes of 1 clip"),
        ("landmarks/train/102", "landmarks/102", "folders of landmarks of 1 clip"),
    ],
)
def test_what_is_there_twice_is_listed(tmp_path: Path, source: str, copy: str, what: str) -> None:
    _clip(tmp_path)
    (tmp_path / copy).parent.mkdir(parents=True, exist_ok=True)
    if (tmp_path / source).is_dir():
        shutil.copytree(tmp_path / source, tmp_path / copy)
    else:
        shutil.copy(tmp_path / source, tmp_path / copy)
    with pytest.raises(LayoutError, match=f"{what} found more than once") as caught:
        _read(tmp_path)
    assert str(tmp_path / source) in caught.value.message
    assert str(tmp_path / copy) in caught.value.message


def test_a_folder_without_annotations_or_videos_is_no_aff_wild(tmp_path: Path) -> None:
    _clip(tmp_path)
    shutil.rmtree(tmp_path / "videos")
    with pytest.raises(LayoutError, match=r"no videos/train/NNN.mp4 or .avi under") as caught:
        _read(tmp_path)
    assert "annotations, videos" in caught.value.hint
    shutil.rmtree(tmp_path / "annotations")
    (tmp_path / "videos.rar").touch()
    with pytest.raises(LayoutError, match=r"no annotations.*, but 1 archive") as caught:
        _read(tmp_path)
    assert "unpack" in caught.value.hint


def test_a_missing_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no folder"):
        _read(tmp_path / "raw")


@pytest.mark.parametrize("n_lines", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("align", ["auto", "truncate"])
def test_up_to_two_lines_too_many_or_too_few_are_cut(tmp_path: Path, n_lines: int, align: str) -> None:
    _clip(tmp_path, lines=n_lines)
    reasons = _reasons(_read(tmp_path, align=align))
    both = dict.fromkeys(range(min(4, n_lines)))
    unlabelled = dict.fromkeys(range(n_lines, 4), f"no annotation: the labels have {n_lines} lines")
    beyond = dict.fromkeys(range(4, n_lines), "no frame: the video has 4")
    assert reasons == both | unlabelled | beyond


def test_as_many_lines_as_boxes_belong_to_the_frames_with_a_box(tmp_path: Path) -> None:
    _clip(tmp_path, n_frames=8, lines=5, boxed=[1, 3, 4, 7, 8])
    (tmp_path / "bboxes/train/102/2.pts").write_text("version: 1\nn_points: 0\n{\n}\n")
    rows = _read(tmp_path)
    assert {row.frame: row.valence for row in rows if row.reason is None} == {
        0: 0.0,
        2: 0.1,
        3: 0.2,
        6: 0.3,
        7: 0.4,
    }
    assert {row.reason for row in rows if row.frame in (1, 4, 5)} == {
        "no annotation: the labels have 5 lines"
    }
    assert all(row.box for row in rows if row.reason is None)
    # Cut instead, line i belongs to frame i.
    assert [row.valence for row in _read(tmp_path, align="truncate")][:5] == [0.0, 0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize(
    ("n_frames", "lines", "boxed", "said"),
    [
        # a recording that dropped frames: as many boxes as lines, and no telling which frame is whose
        (27, 32, range(1, 33), "102 has 32 lines, 27 frames and 32 face boxes, the last for frame 32"),
        (31, 32, range(1, 33), "102 has 32 lines, 31 frames and 32 face boxes, the last for frame 32"),
        (36, 32, range(9, 41), "102 has 32 lines, 36 frames and 32 face boxes, the last for frame 40"),
        (8, 8, [1, 2, 12], "102 has 8 lines, 8 frames and 3 face boxes, the last for frame 12"),
        (8, 5, [1, 2, 3, 4, 12], "102 has 5 lines, 8 frames and 5 face boxes, the last for frame 12"),
    ],
)
def test_a_box_beyond_the_video_proves_that_frames_are_missing(
    tmp_path: Path, n_frames: int, lines: int, boxed: Iterable[int], said: str
) -> None:
    _clip(tmp_path, n_frames=n_frames, lines="0.5\n" * lines, arousal="0.5\n" * lines, boxed=boxed)
    with pytest.raises(LayoutError, match=r"labels and frames of 1 clip under .* do not fit: ") as caught:
        _read(tmp_path)
    assert caught.value.message.endswith(said)
    kept = [row.frame for row in _read(tmp_path, align="truncate") if row.reason is None]
    assert kept == list(range(min(n_frames, lines)))


def test_landmarks_beyond_the_video_prove_it_as_well(tmp_path: Path) -> None:
    _clip(tmp_path, n_frames=4, lines=4, boxed=range(1, 5))
    write_points(tmp_path / "landmarks/train/102/9.pts", LANDMARKS)
    with pytest.raises(LayoutError) as caught:
        _read(tmp_path)
    said = "102 has 4 lines, 4 frames and 5 files of landmarks, the last for frame 9"
    assert caught.value.message.endswith(said)


@pytest.mark.parametrize("headed", [("valence",), ("valence", "arousal")])
def test_a_header_is_no_frames_line(tmp_path: Path, headed: tuple[str, ...]) -> None:
    _clip(tmp_path, lines="0.1\n0.2\n0.3\n0.4\n", arousal="-0.1\n-0.2\n-0.3\n-0.4\n")
    for name in headed:
        file = tmp_path / f"annotations/train/{name}/102.txt"
        file.write_text(f" {name.title()}\n{file.read_text()}")
    assert [(row.valence, row.arousal) for row in _read(tmp_path)] == [
        (0.1, -0.1),
        (0.2, -0.2),
        (0.3, -0.3),
        (0.4, -0.4),
    ]


def test_boxes_that_are_counted_from_0_are_refused(tmp_path: Path) -> None:
    """By their names each would be the box of the frame before it."""
    _clip(tmp_path, n_frames=4, lines=4, boxed=[0, 1, 2, 3])
    with pytest.raises(
        LayoutError, match="102 has 4 lines, 4 frames and 4 face boxes, which are numbered from 0"
    ):
        _read(tmp_path)


def test_lines_that_one_of_the_two_labels_lacks_are_refused(tmp_path: Path) -> None:
    _clip(tmp_path, n_frames=9, lines="0.5\n" * 9, arousal="0.5\n" * 6, boxed=[])
    with pytest.raises(LayoutError, match="the last 3 lines have only one of the two labels"):
        _read(tmp_path)
    assert sum(row.reason is None for row in _read(tmp_path, align="truncate")) == 6


def test_lengths_that_do_not_fit_are_told_for_all_clips_at_once(tmp_path: Path) -> None:
    _clip(tmp_path, "102", n_frames=8, lines=4)
    _clip(tmp_path, "103", n_frames=4, lines=7, boxed=[1, 2])
    _clip(tmp_path, "104")
    with pytest.raises(LayoutError, match="of 2 clips") as caught:
        next(read(tmp_path, Options()))
    assert "102 has 4 lines, 8 frames and 8 face boxes; 103 has 7 lines, 4 frames and 2 face boxes" in (
        caught.value.message
    )
    assert "dataset.align=truncate" in caught.value.hint
    kept = Counter(row.clip for row in _read(tmp_path, align="truncate") if row.reason is None)
    assert kept == {"102": 4, "103": 4, "104": 4}


def test_of_a_video_that_ends_early_what_is_there_is_kept_on_request(tmp_path: Path) -> None:
    _clip(tmp_path, n_frames=20, lines="0\n" * 20, arousal="0\n" * 20)
    file = tmp_path / "videos/train/102.avi"
    content = file.read_bytes()
    start = content.index(b"movi")
    file.write_bytes(content[: start + (len(content) - start) // 2])
    count = count_frames(file)
    assert 0 < count < 18
    wanted = [None] * count + [f"no frame: the video has {count}"] * (20 - count)
    # It may as well have lost frames in the middle: there is a box for each of the lines.
    with pytest.raises(LayoutError, match=f"102 has 20 lines, {count} frames and 20 face boxes"):
        _read(tmp_path)
    assert [row.reason for row in _read(tmp_path, align="truncate")] == wanted


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1.01", "label out of range: valence is 1.01, expected -1 to 1"),
        ("-5", "label out of range: valence is -5, expected -1 to 1"),
        ("nan", "label out of range: valence is nan, expected -1 to 1"),
        ("1e999", "label out of range: valence is 1e999, expected -1 to 1"),
        ("", "no label: valence"),
        ("  ", "no label: valence"),
        ("high", "label is not a number: valence is 'high'"),
        ("1 200 -300", "label is not a number: valence is '1 200 -300'"),
        ("0,5", "label is not a number: valence is '0,5'"),
    ],
)
def test_a_frame_with_unusable_labels_is_dropped(tmp_path: Path, line: str, reason: str) -> None:
    _clip(tmp_path, lines=f"1\n{line}\n-1.0\n +.5 \n", arousal="0\n0\n0\n0\n")
    rows = _read(tmp_path)
    assert _reasons(rows) == {0: None, 1: reason, 2: None, 3: None}
    assert (rows[1].valence, rows[1].arousal, rows[1].box) == (None, None, None)
    assert [rows[i].valence for i in (0, 2, 3)] == [1.0, -1.0, 0.5]


@pytest.mark.parametrize(
    "content",
    [
        b"0.5\r\n0.25\r\n0\r\n-1\r\n",
        b"\xef\xbb\xbf0.5\n0.25\n0\n-1",
        b"0.5\r0.25\r0\r-1\r",
        b"0.5\n0.25\n0\n-1\n\n \n\r\n",
    ],
)
def test_ends_of_lines_marks_and_blank_lines_at_the_end_do_no_harm(tmp_path: Path, content: bytes) -> None:
    _clip(tmp_path, lines=content, arousal=content)
    assert [(row.valence, row.arousal) for row in _read(tmp_path)] == [
        (0.5, 0.5),
        (0.25, 0.25),
        (0.0, 0.0),
        (-1.0, -1.0),
    ]


def test_where_one_label_ends_before_the_other_the_rest_is_dropped(tmp_path: Path) -> None:
    _clip(tmp_path, arousal="0\n0\n")
    assert _reasons(_read(tmp_path)) == {0: None, 1: None, 2: "no label: arousal", 3: "no label: arousal"}
    (tmp_path / "annotations/train/arousal/102.txt").unlink()
    assert set(_reasons(_read(tmp_path)).values()) == {"no label: arousal"}


def test_a_video_without_annotation_is_one_dropped_row(tmp_path: Path) -> None:
    _clip(tmp_path, "102")
    _video(tmp_path / "videos/test/450.avi", 3)
    _video(tmp_path / "videos/train/103.avi", 3)
    _clip(tmp_path, "104", lines=b"\n", arousal=b"")
    rows = [row for row in _read(tmp_path) if row.clip != "102"]
    assert [(row.path, row.clip, row.frame, row.reason) for row in rows] == [
        ("videos/train/103.avi", "103", 0, "no annotation"),
        ("videos/train/104.avi", "104", 0, "no annotation"),
        ("videos/test/450.avi", "450", 0, "no annotation: test video"),
    ]


def test_annotation_without_a_video_is_counted(tmp_path: Path) -> None:
    _clip(tmp_path, "102")
    _clip(tmp_path, "103", n_frames=None, lines=2)
    rows = [row for row in _read(tmp_path) if row.clip == "103"]
    assert [(row.path, row.frame, row.valence, row.reason) for row in rows] == [
        ("videos/train/103.mp4", 0, 0.0, "no video"),
        ("videos/train/103.mp4", 1, 0.1, "no video"),
    ]


@pytest.mark.parametrize("content", [b"", b"no video\n" * 50])
def test_a_video_that_cannot_be_read_drops_its_frames_and_no_other(tmp_path: Path, content: bytes) -> None:
    _clip(tmp_path, "102")
    _clip(tmp_path, "103", lines=2)
    (tmp_path / "videos/train/103.avi").write_bytes(content)
    rows = _read(tmp_path)
    assert [row.reason for row in rows[:4]] == [None] * 4
    assert [row.reason for row in rows[4:]] == [
        "unreadable video: Invalid data found when processing input"
    ] * 2


def test_annotation_that_cannot_be_opened_names_no_absolute_path(tmp_path: Path) -> None:
    _clip(tmp_path, "102")
    _clip(tmp_path, "103", n_frames=1)
    file = tmp_path / "annotations/train/arousal/103.txt"
    file.unlink()
    file.symlink_to(tmp_path / "nowhere")
    reasons = [row.reason for row in _read(tmp_path) if row.clip == "103"]
    assert reasons == ["unreadable annotation file: arousal/103.txt: No such file or directory"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "version: 1\nn_points: 0\n{\n}\n",
        "version: 1\nn_points: 4\n",
        "version: 1\nn_points: 4\n{\n1 2\n3 4\n5 6\n}\n",
        "version: 1\nn_points: 4\n{\n1 2\n3 4\n5 6\n7\n}\n",
        "version: 1\nn_points: 4\n{\n1 2\n3 x\n5 6\n7 8\n}\n",
        "version: 1\nn_points: 4\n{\n1 2\n3 nan\n5 6\n7 8\n}\n",
        "version: 1\nn_points: 4\n{\n1 2\n3 1e9\n5 6\n7 8\n}\n",
        "version: 1\nn_points: 4\n{\n1 2\n1 2\n1 2\n1 2\n}\n",
        "\xff",
    ],
)
def test_a_frame_without_a_usable_box_is_kept_without(tmp_path: Path, content: str) -> None:
    _clip(tmp_path)
    for kind in ("bboxes", "landmarks"):
        (tmp_path / kind / "train/102/2.pts").write_bytes(content.encode("latin-1"))
    rows = _read(tmp_path)
    assert (rows[1].box, rows[1].landmarks, rows[1].reason) == (None, None, None)
    assert all(row.box and row.landmarks is not None for row in (rows[0], *rows[2:]))


def test_corners_come_in_any_order_and_may_leave_the_image(tmp_path: Path) -> None:
    _clip(tmp_path)
    content = "version: 1\r\nn_points: 4\r\n{\r\n70 50\r\n-5.5 50\r\n-5.5 -2\r\n70 -2\r\n}"
    (tmp_path / "bboxes/train/102/1.pts").write_bytes(content.encode())
    assert _read(tmp_path)[0].box == (-5.5, -2.0, 70.0, 50.0)


def test_points_are_read_frame_by_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elimctl.datasets import aff_wild

    _clip(tmp_path)
    opened = []
    inner = aff_wild.read_points
    monkeypatch.setattr(
        aff_wild, "read_points", lambda file, count: opened.append(file.name) or inner(file, count=count)
    )
    rows = read(tmp_path, Options())
    next(rows)
    assert opened == ["1.pts"]
    next(rows)
    assert opened == ["1.pts", "2.pts"]


def test_junk_is_passed_over(tmp_path: Path) -> None:
    _clip(tmp_path)
    for name in (
        "videos/train/.DS_Store",
        "videos/train/._102.avi",
        "videos/train/Thumbs.db",
        "videos/train/cover.avi",
        "videos/train/102.txt",
        "annotations/train/valence/._102.txt",
        "annotations/train/valence/readme.txt",
        "bboxes/train/102/._1.pts",
        "bboxes/train/102/list.txt",
        "bboxes/train/102/0.pts",
        "__MACOSX/videos/train/102.avi",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert _reasons(_read(tmp_path)) == dict.fromkeys(range(4))


# Small frames keep the drawing fast.
SMALL = {"width_px": 90, "height_px": 72}


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic dataset with every defect."""
    root = tmp_path_factory.mktemp("spoilt")
    options = SynthOptions(people=4, clips=10, frames=8, defects=True, layout="doubled", **SMALL)
    write(root, np.random.default_rng(0), options)
    return root


def test_an_imitation_with_defects_is_read_and_every_defect_counted(spoilt: Path) -> None:
    rows = _read(spoilt)
    assert Counter(row.reason.partition(":")[0] for row in rows if row.reason) == {
        "no annotation": 1 + 3 + 2,  # a line short, a line per box, a video each of train and test
        "no frame": 1,
        "label out of range": 2,
        "label is not a number": 1,
        "no label": 2,
        "unreadable video": 8,
        "no video": 8,
    }
    ways = {clip_name(number)[0]: number for number in range(10)}
    without_box = Counter(ways.get(row.clip) for row in rows if row.reason is None and row.box is None)
    assert without_box == {0: 1, 4: 2, 5: 8}
    without_landmarks = Counter(
        ways.get(row.clip) for row in rows if row.reason is None and row.landmarks is None
    )
    assert without_landmarks == {0: 1, 4: 3, 5: 8}
    labelled_by_box = {row.frame for row in rows if ways.get(row.clip) == 2 and row.reason is None}
    assert labelled_by_box == {0, 2, 5, 6, 7}
    turned = next(row for row in rows if ways.get(row.clip) == 4 and row.frame == 1)
    assert turned.box == (40.0, 30.0, 150.0, 200.0)
    assert "bboxs/train/train" in {path.relative_to(spoilt).as_posix() for path in spoilt.glob("*/*/train")}


def test_an_imitation_has_the_numbers_asked_for(tmp_path: Path) -> None:
    write(tmp_path, np.random.default_rng(0), SynthOptions(people=2, clips=5, frames=4, **SMALL))
    rows = _read(tmp_path)
    assert Counter(row.path for row in rows) == {
        f"videos/train/{name}": 4 for name in ("102.avi", "103.avi", "201.mp4", "202.mp4", "203.mp4")
    }
    assert all(row.reason is None and row.landmarks is not None and row.box for row in rows)
    assert len({(row.valence, row.arousal) for row in rows}) == 20
    assert frame_times(tmp_path / "videos/train/102.avi")[3] == 3 / 30
    assert frame_times(tmp_path / "videos/train/201.mp4")[3] == 3 / 25
    [(_, image)] = video.frames(tmp_path / "videos/train/201.mp4", [3])
    assert image.shape == (72, 90, 3)


def test_the_same_seed_draws_the_same_tree(tmp_path: Path) -> None:
    for layout in ("train", "packed"):
        options = SynthOptions(people=1, clips=2, frames=2, layout=layout, **SMALL)
        for name in ("a", "b"):
            write(tmp_path / layout / name, np.random.default_rng(3), options)
        files = [file for file in (tmp_path / layout / "a").rglob("*.*") if file.is_file()]
        assert files
        for file in files:
            other = tmp_path / layout / "b" / file.relative_to(tmp_path / layout / "a")
            assert file.read_bytes() == other.read_bytes()


def _unpack(content: bytes, folder: Path) -> None:
    """Unpack an archive into a folder, and the archives in it into folders of their names."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
        archive.extractall(folder, filter="data")
    for inner in list(folder.rglob("*.tar.gz")):
        content = inner.read_bytes()
        inner.unlink()
        _unpack(content, inner)


def test_what_is_packed_is_the_unpacked_tree(tmp_path: Path) -> None:
    options = {"people": 1, "clips": 2, "frames": 2} | SMALL
    write(tmp_path / "plain", np.random.default_rng(3), SynthOptions(**options))
    write(tmp_path / "packed", np.random.default_rng(3), SynthOptions(layout="packed", **options))
    packed = sorted(
        path.relative_to(tmp_path / "packed").as_posix() for path in (tmp_path / "packed").rglob("*.*")
    )
    assert packed == [ARCHIVE, "videos/train.tar.gz"]
    for name in packed:
        _unpack((tmp_path / "packed" / name).read_bytes(), tmp_path / "unpacked" / name)

    def facts(root: Path) -> list[tuple]:
        return [
            (row.clip, row.frame, row.valence, row.box, row.landmarks.tolist(), row.reason)
            for row in _read(root)
        ]

    assert facts(tmp_path / "unpacked") == facts(tmp_path / "plain")


def test_fewer_clips_than_identities_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="5 clips cannot show 6 identities"):
        write(tmp_path, np.random.default_rng(0), SynthOptions(people=6, clips=5))


def test_too_few_clips_for_all_defects_is_a_mistake(tmp_path: Path) -> None:
    options = SynthOptions(people=1, clips=1, frames=1, defects=True, **SMALL)
    with pytest.raises(ConfigError, match="1 clips of 1 frames cannot show all defects"):
        write(tmp_path, np.random.default_rng(0), options)
