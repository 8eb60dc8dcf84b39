"""Labels that go beyond the end of their video."""

from pathlib import Path

import numpy as np
import pytest

from elimctl.manifest.row import Row
from elimctl.prepare import row_index
from elimctl.synthetic.video_writing import write_video


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Videos of 5 frames: a.mp4 and b.mp4; and one that cannot be read."""
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, (np.full((16, 16, 3), 9 * k, np.uint8) for k in range(5)))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    return tmp_path


def row(path: str, number: int, reason: str | None = None) -> Row:
    return Row(path, path, path, number, video_frame=number, valence=0.1, arousal=0.2, reason=reason)


def reasons(root: Path, rows: list[Row]) -> dict[tuple[str, int], str | None]:
    written = row_index.write(root / "rows", rows, folds=1, seed=0, root=root)
    return {(numbered.row.path, numbered.row.frame): numbered.row.reason for numbered in written}


def test_all_labels_of_a_video_are_dropped_where_one_names_a_frame_that_it_has_not(root: Path) -> None:
    rows = [row("a.mp4", number) for number in (0, 3, 5)] + [row("b.mp4", number) for number in (0, 4)]
    said = "frames do not fit: number 5 is listed, counted from 0, and the video has 5 (option frame_base)"
    assert reasons(root, rows) == {
        ("a.mp4", 0): said,
        ("a.mp4", 3): said,
        ("a.mp4", 5): said,
        ("b.mp4", 0): None,
        ("b.mp4", 4): None,
    }


def test_a_number_far_beyond_is_no_matter_of_the_first_number(root: Path) -> None:
    said = "frames do not fit: number 6 is listed, counted from 0, and the video has 5"
    assert reasons(root, [row("a.mp4", 1), row("a.mp4", 6)]) == {("a.mp4", 1): said, ("a.mp4", 6): said}


def test_a_number_before_the_first_frame_makes_the_others_doubtful(root: Path) -> None:
    early = Row("a.mp4", "a.mp4", "a.mp4", 0, reason="frame out of range: 0, counted from 1")
    rows = [early, row("a.mp4", 1), row("a.mp4", 2), row("b.mp4", 2)]
    assert reasons(root, rows) == {
        ("a.mp4", 0): "frame out of range: 0, counted from 1",
        ("a.mp4", 1): "frames do not fit: 0, counted from 1",
        ("a.mp4", 2): "frames do not fit: 0, counted from 1",
        ("b.mp4", 2): None,
    }


def test_a_row_that_is_dropped_already_proves_nothing(root: Path) -> None:
    rows = [row("a.mp4", 0), row("a.mp4", 9, reason="no frame: the video has 5")]
    assert reasons(root, rows) == {("a.mp4", 0): None, ("a.mp4", 9): "no frame: the video has 5"}


@pytest.mark.parametrize(("number", "fits"), [(5, True), (6, True), (7, False), (40, False)])
def test_a_frame_that_is_listed_without_a_label_counts_as_well(root: Path, number: int, fits: bool) -> None:
    rows = [row("a.mp4", 0), row("a.mp4", number, reason="no label: valence")]
    said = f"frames do not fit: number {number} is listed, counted from 0, and the video has 5"
    assert reasons(root, rows)["a.mp4", 0] == (None if fits else said)


def test_a_video_that_cannot_be_read_is_left_to_those_who_read_it(root: Path) -> None:
    found = reasons(root, [row("broken.mp4", 7), row("gone.mp4", 7), row("b.mp4", 0)])
    assert set(found.values()) == {None}


def test_numbers_from_1_to_the_count_are_those_of_the_frames_before_them(root: Path) -> None:
    rows = [row("a.mp4", number) for number in (1, 2, 3, 4)] + [row("a.mp4", 5, reason="no label: valence")]
    found = reasons(root, rows)
    said = "frames do not fit: number 5 is listed, counted from 0, and the video has 5 (option frame_base)"
    assert [found["a.mp4", number] for number in (1, 2, 3, 4)] == [said] * 4
