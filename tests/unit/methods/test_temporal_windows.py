import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.loader.groups import PADDING
from elimctl.methods.temporal_windows import clip_windows

CLIPS = np.array(["b", "a", "a", "b", "a", "b", "b", "a"])
FRAMES = np.array([7, 2, 0, 8, 1, 9, 5, 3])


def windows(**knobs):
    """Frames of each window."""
    return [
        (CLIPS[row[0]], FRAMES[row[row != PADDING]].tolist()) for row in clip_windows(CLIPS, FRAMES, **knobs)
    ]


def test_frames_of_a_clip_follow_each_other_and_a_gap_begins_a_new_window():
    assert windows(window=3) == [("a", [0, 1, 2]), ("a", [3]), ("b", [5]), ("b", [7, 8, 9])]


def test_windows_overlap_by_their_stride():
    assert windows(window=3, stride=1) == [("a", [0, 1, 2]), ("a", [1, 2, 3]), ("b", [5]), ("b", [7, 8, 9])]


def test_frames_kept_at_an_interval_follow_each_other_too():
    assert windows(window=9, max_step=2) == [("a", [0, 1, 2, 3]), ("b", [5, 7, 8, 9])]


def test_of_no_samples_there_are_no_windows():
    assert clip_windows([], np.empty(0, np.int64), window=4).shape == (0, 4)


@given(data=st.data(), window=st.integers(1, 6), max_step=st.integers(1, 3))
def test_every_frame_is_in_a_window_and_no_window_crosses_clips_or_gaps(data, window, max_step):
    stride = data.draw(st.integers(1, window))
    samples = data.draw(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 15)), max_size=30))
    clip, frame = np.array(sorted(samples, key=hash), dtype=np.int64).reshape(-1, 2).T
    found = clip_windows(clip, frame, window=window, stride=stride, max_step=max_step)
    assert set(found[found != PADDING].tolist()) == set(range(len(clip)))
    for row in found:
        real = row[row != PADDING]
        assert row.tolist() == real.tolist() + [PADDING] * (window - len(real))
        assert len(set(clip[real])) == 1
        assert all(0 < step <= max_step for step in np.diff(frame[real]))
    if stride == window:
        assert (found != PADDING).sum() == len(clip)


@pytest.mark.parametrize(("frames", "count"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_there_are_no_more_windows_than_it_takes(frames, count):
    assert len(clip_windows(["a"] * frames, np.arange(frames), window=4)) == count
