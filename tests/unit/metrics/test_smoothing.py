import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter1d

from elimctl.errors import DataError
from elimctl.loader.windows import clip_runs
from elimctl.manifest.grouping import Groups
from elimctl.metrics.detail import Resampling
from elimctl.metrics.moments import empty, update
from elimctl.metrics.score import MetricOptions, values_of
from elimctl.metrics.smoothing import WINDOWS, moving_average, smoothing
from elimctl.metrics.table import METRICS
from elimctl.predict.table import read


def ccc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["ccc"]


QUICK = Resampling(resamples=100)


def clips_of(save, split="val", *, noise=0.3, slowness=20, seed=0, identities=6, frames=60):
    """Predictions of clips whose labels change slowly, with noise that changes from frame to frame."""
    table = read(save(split, identities=identities, frames=frames, split=split))
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 6, (2 * identities, 2))[table.clips.code]
    target = np.sin(table.frame[:, None] / slowness + phase)
    preds = 0.8 * target + rng.normal(0, noise, target.shape)
    names = tuple(f"{split} {number}" for number in range(2 * identities))
    return replace(table, target=target, preds=preds, clips=Groups(table.clips.code, names))


@given(data=st.data(), window=st.sampled_from(WINDOWS[:6]))
def test_every_sample_is_the_mean_of_its_neighbours_in_its_run(data, window):
    places = data.draw(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 20)), min_size=1, max_size=40))
    clip, frame = np.array(sorted(places, key=hash)).T
    values = np.random.default_rng(0).normal(size=(len(clip), 2))
    at = {place: number for number, place in enumerate(zip(clip.tolist(), frame.tolist(), strict=True))}
    wanted = []
    for which, number in zip(clip.tolist(), frame.tolist(), strict=True):
        own = [at[which, number]]
        for way in (-1, 1):
            for step in range(1, window // 2 + 1):
                if (which, number + way * step) not in at:
                    break  # a frame is missing: what is behind it does not count
                own.append(at[which, number + way * step])
        wanted.append(values[own].mean(axis=0))
    found = moving_average(values, clip_runs(clip, frame), window=window)
    np.testing.assert_allclose(found, wanted, atol=1e-12)  # float64 sums in another order


def test_within_a_long_run_it_is_the_filter_of_scipy():
    values = np.random.default_rng(0).normal(0.5, 1, (300, 2)).astype(np.float32)
    found = moving_average(values, [np.arange(300)], window=9)
    wanted = uniform_filter1d(values.astype(np.float64), 9, axis=0)
    np.testing.assert_allclose(found[4:-4], wanted[4:-4], atol=1e-12)


def test_a_window_of_one_changes_nothing():
    values = np.random.default_rng(0).normal(size=(30, 2))
    np.testing.assert_array_equal(moving_average(values, [np.arange(30)], window=1), values)


def test_the_totals_of_a_million_frames_are_still_exact():
    values = np.full((10**6, 2), 0.7) + np.random.default_rng(0).normal(0, 0.1, (10**6, 2))
    found = moving_average(values, [np.arange(10**6)], window=3)[-10:-1]
    wanted = [values[place - 1 : place + 2].mean(axis=0) for place in range(10**6 - 10, 10**6 - 1)]
    np.testing.assert_allclose(found, wanted, atol=1e-10)  # a float32 prediction has 1e-8


def test_noise_from_frame_to_frame_is_averaged_away(save):
    val, train = clips_of(save), clips_of(save, "train", seed=1)
    found = smoothing(val, train, QUICK)
    assert found.window > 1
    assert (found.step, found.runs, found.longest) == (1, 12, 60)
    before, after, change = (
        stage.scores["mean"]["ccc"] for stage in (found.before, found.after, found.difference)
    )
    assert change == pytest.approx(after - before)
    assert change > 0.02
    low, high = found.difference.intervals["mean"]["ccc"]
    assert 0 < low < change < high
    assert before == pytest.approx(ccc(update(empty(), val.preds, val.target)).mean())
    json.dumps(asdict(found), allow_nan=False)


def test_the_window_is_the_best_one_of_the_training_clips_alone(save):
    val, train = clips_of(save, slowness=3), clips_of(save, "train", slowness=30, seed=1)
    found = smoothing(val, train, QUICK)
    runs = clip_runs(train.clips.code, train.frame)
    wanted = [
        ccc(update(empty(), moving_average(train.preds, runs, window=window), train.target)).mean()
        for window in WINDOWS
    ]
    assert [one.ccc for one in found.candidates] == pytest.approx(wanted)
    assert found.window == WINDOWS[int(np.argmax(wanted))]
    # the scored clips change faster, and do worse with it: nothing of them was looked at
    assert found.difference.scores["mean"]["ccc"] < 0


def test_of_equally_good_windows_the_smallest_is_taken(save):
    val, train = clips_of(save), clips_of(save, "train", seed=1)
    found = smoothing(val, replace(train, preds=np.zeros_like(train.preds)), QUICK)
    assert found.window == 1
    # means of one sample each are rounded
    assert found.difference.scores["mean"]["ccc"] == pytest.approx(0, abs=1e-12)


def test_what_is_not_defined_is_named_and_has_no_interval(save):
    val, train = clips_of(save), clips_of(save, "train", seed=1)
    val.preds[:, 1] = 0.3
    found = smoothing(val, train, QUICK)
    assert found.window > 1
    for stage in (found.before, found.after, found.difference):
        assert stage.undefined == ["arousal.pcc", "mean.pcc"]
        assert stage.scores["mean"]["pcc"] == 0
        assert stage.intervals["mean"]["pcc"] is None
        assert stage.intervals["mean"]["rmse"] is not None


def test_signs_are_compared_as_the_split_was_scored(save):
    val, train = clips_of(save), clips_of(save, "train", seed=1)
    val.target[::2] = 0
    found = {
        zero: smoothing(replace(val, protocol=val.protocol | {"metrics": {"sagr_zero": zero}}), train, QUICK)
        for zero in ("equal", "skip")
    }
    assert found["skip"].before.scores["mean"]["sagr"] > 1.5 * found["equal"].before.scores["mean"]["sagr"]
    assert found["skip"].forms == {"rmse": "global", "sagr_zero": "skip", "moments": "population"}
    assert found["skip"].remark is None
    other = replace(val, protocol=val.protocol | {"metrics": {"moments": "reference"}})
    assert "moments population, not reference" in smoothing(other, train, QUICK).remark


def test_frames_kept_at_an_interval_follow_each_other(save):
    val, train = clips_of(save), clips_of(save, "train", seed=1)
    found = smoothing(replace(val, frame=val.frame * 5), replace(train, frame=train.frame * 5), QUICK)
    assert (found.step, found.runs) == (5, 12)


def test_clips_that_were_trained_on_are_refused(save):
    train = clips_of(save, "train")
    with pytest.raises(DataError, match="12 of the 12 clips of split 'train' are training clips"):
        smoothing(train, train, QUICK)


def test_clips_of_another_dataset_may_have_the_names_of_training_clips(save):
    train = clips_of(save, "train")
    other = replace(train, protocol=train.protocol | {"dataset": "elsewhere"})
    assert smoothing(other, train, QUICK).window > 1


def test_still_images_are_refused(save):
    val, train = clips_of(save), clips_of(save, "train")
    images = np.arange(len(val))
    stills = [
        replace(one, clips=Groups(images, tuple(f"{one.protocol['split']} {image}" for image in images)))
        for one in (val, train)
    ]
    with pytest.raises(DataError, match="no clip in split 'val' of faces has two consecutive frames"):
        smoothing(*stills, QUICK)
    with pytest.raises(DataError, match="no clip in split 'train'"):
        smoothing(val, stills[1], QUICK)


def test_a_window_of_a_middle_and_all_metrics_are_told(save):
    assert all(window % 2 for window in WINDOWS)
    found = smoothing(clips_of(save), clips_of(save, "train", seed=1), QUICK)
    assert list(found.after.scores["valence"]) == list(METRICS)
