import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.clip_timeline import clip_timeline


def clip(count=20):
    frame = np.arange(count)
    target = np.stack([np.sin(frame / 5), np.cos(frame / 5)], axis=1) * 0.5
    return frame, target + 0.1, target


def test_both_axes_have_true_predicted_and_smoothed_lines():
    frame, preds, target = clip()
    found = clip_timeline(frame, preds, target, clip="001", smoothed=preds - 0.05)
    valence, arousal = found.figure.axes
    assert [line.get_label() for line in valence.lines[:3]] == ["true", "predicted", "smoothed"]
    np.testing.assert_allclose(valence.lines[0].get_ydata(), target[:, 0])
    np.testing.assert_allclose(arousal.lines[1].get_ydata(), preds[:, 1])
    assert (valence.get_ylabel(), arousal.get_ylabel(), arousal.get_xlabel()) == (
        "valence",
        "arousal",
        "frame",
    )
    assert "20 frames of clip 001, 0 to 19" in found.alt
    assert "error 0.10 and 0.10" in found.alt


def test_lines_are_cut_where_frames_are_missing_and_one_frame_is_a_point():
    frame, preds, target = clip()
    keep = np.r_[0:8, 12, 16:20]
    axes = clip_timeline(frame[keep], preds[keep], target[keep], clip="c").figure.axes[0]
    parts = [len(line.get_xdata()) for line in axes.lines[:3]]
    assert parts == [8, 1, 4]
    assert axes.lines[1].get_marker() == "."


def test_every_fifth_frame_is_no_gap():
    frame, preds, target = clip()
    axes = clip_timeline(5 * frame, preds, target, clip="c").figure.axes[0]
    assert len(axes.lines[0].get_xdata()) == 20


def test_one_frame_and_constants_are_drawn():
    assert "over 1 frame of" in clip_timeline(np.array([7]), np.zeros((1, 2)), np.zeros((1, 2)), clip="c").alt


def test_frames_out_of_order_are_refused():
    frame, preds, target = clip()
    with pytest.raises(DataError, match="no ascending order"):
        clip_timeline(frame[::-1], preds, target, clip="c")


def test_a_wild_prediction_does_not_flatten_the_others_and_is_counted():
    frame, preds, target = clip()
    preds[3, 0] = 40.0
    found = clip_timeline(frame, preds, target, clip="c")
    assert found.figure.axes[0].get_ylim()[1] == pytest.approx(1.05 * 1.5)
    for text in (found.alt, found.figure._supxlabel.get_text()):
        assert "1 of 20 predictions lies outside, beyond ±1.58." in text
