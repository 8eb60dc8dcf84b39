import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.loader.groups import PADDING
from elimctl.loader.windows import clip_runs, cut, padded, usual_step

CLIPS = np.array(["b", "a", "a", "b", "a", "b", "b", "a"])
FRAMES = np.array([7, 2, 0, 8, 1, 9, 5, 3])


def places(rows):
    """Clip and frames of each row."""
    return [(CLIPS[row[0]], FRAMES[row].tolist()) for row in rows]


def test_frames_of_a_clip_follow_each_other_and_a_gap_begins_a_new_run():
    assert places(clip_runs(CLIPS, FRAMES)) == [("a", [0, 1, 2, 3]), ("b", [5]), ("b", [7, 8, 9])]


def test_frames_kept_at_an_interval_follow_each_other_too():
    assert places(clip_runs(CLIPS, FRAMES, max_step=2)) == [("a", [0, 1, 2, 3]), ("b", [5, 7, 8, 9])]


def test_windows_end_with_their_run():
    found = cut(clip_runs(CLIPS, FRAMES), window=3, stride=3)
    assert places(found) == [("a", [0, 1, 2]), ("a", [3]), ("b", [5]), ("b", [7, 8, 9])]


def test_windows_overlap_by_their_stride():
    found = cut(clip_runs(CLIPS, FRAMES), window=3, stride=1)
    assert places(found) == [("a", [0, 1, 2]), ("a", [1, 2, 3]), ("b", [5]), ("b", [7, 8, 9])]


def test_of_no_samples_there_are_no_runs_and_no_windows():
    assert clip_runs([], np.empty(0, np.int64)) == []
    assert cut([], window=4, stride=4) == []
    assert padded([]).shape == (0, 0)


@pytest.mark.parametrize(
    ("frames", "step"),
    [([0, 1, 2], 1), ([0, 5, 10, 20], 5), ([0, 5, 10, 11, 12], 1), ([3], None), ([], None)],
)
def test_the_usual_step_is_the_most_frequent_one_the_smaller_of_two(frames, step):
    assert usual_step(["a"] * len(frames), np.array(frames, np.int64)) == step


def test_from_clip_to_clip_there_is_no_step():
    assert usual_step(["a", "b", "c"], np.array([0, 1, 2])) is None


@given(data=st.data(), window=st.integers(1, 6), max_step=st.integers(1, 3))
def test_every_frame_is_in_a_window_and_no_window_crosses_clips_or_gaps(data, window, max_step):
    stride = data.draw(st.integers(1, window))
    samples = data.draw(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 15)), max_size=30))
    clip, frame = np.array(sorted(samples, key=hash), dtype=np.int64).reshape(-1, 2).T
    runs = clip_runs(clip, frame, max_step=max_step)
    assert sorted(np.concatenate([*runs, []]).tolist()) == list(range(len(clip)))
    found = cut(runs, window=window, stride=stride)
    assert {number for row in found for number in row.tolist()} == set(range(len(clip)))
    for row in found:
        assert 0 < len(row) <= window
        assert len(set(clip[row])) == 1
        assert all(0 < step <= max_step for step in np.diff(frame[row]))
    if stride == window:
        assert sum(map(len, found)) == len(clip)


@given(st.lists(st.lists(st.integers(0, 99), max_size=5), max_size=5))
def test_rows_are_padded_at_their_end(rows):
    found = padded([np.array(row, np.int64) for row in rows])
    width = max(map(len, rows), default=0)
    assert found.tolist() == [row + [PADDING] * (width - len(row)) for row in rows]


@pytest.mark.parametrize(("frames", "count"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_there_are_no_more_windows_than_it_takes(frames, count):
    assert len(cut([np.arange(frames)], window=4, stride=4)) == count
