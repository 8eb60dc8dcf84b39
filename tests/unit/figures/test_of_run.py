"""Figures of a run, from its predictions."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from elimctl.figures.of_run import OF_RUN
from elimctl.figures.style import LIGHT
from elimctl.manifest.grouping import Groups
from elimctl.metrics.calibration import calibration
from elimctl.metrics.detail import Resampling
from elimctl.metrics.predictions import PredictionTable

CLIPS, FRAMES = 12, 6


@pytest.fixture
def run():
    """Predictions of clips of six identities, each worse than the clips before."""
    rng = np.random.default_rng(0)
    clip, identity = np.repeat(np.arange(CLIPS), FRAMES), np.repeat(np.arange(CLIPS) // 2, FRAMES)
    target = rng.uniform(-1, 1, (len(clip), 2))
    table = PredictionTable(
        row=np.arange(len(clip)),
        frame=np.tile(np.arange(FRAMES), CLIPS),
        target=target,
        preds=target + 0.05 * (1 + clip[:, None]) * rng.choice([-1, 1], target.shape),
        identities=Groups(identity, tuple(f"Actor {code}" for code in range(6))),
        clips=Groups(clip, tuple(f"clip {code:02d}" for code in range(CLIPS))),
        classes=(),
        protocol={},
        columns=pa.table({"path": [""] * len(clip)}),
    )
    return SimpleNamespace(classes=(), table=table, axes=table, smoothed=None)


def test_the_interval_of_a_slope_is_that_of_the_evaluation(run):
    axes = OF_RUN["calibration"](run, LIGHT).figure.axes
    for upper, found in zip(axes, calibration(run.table, Resampling()).values(), strict=False):
        low, high = found.slope_interval
        assert upper.get_legend().get_texts()[0].get_text() == (
            f"slope {found.slope:.2f} ({low:.2f} to {high:.2f})"
        )


def test_clips_of_largest_and_of_median_error_have_a_timeline(run):
    assert OF_RUN["timeline_worst"](run, LIGHT).title == "Clip clip 11 of Actor 5"
    # the lower middle of twelve, half of 11 being rounded to the even 6
    assert OF_RUN["timeline_median"](run, LIGHT).title == "Clip clip 06 of Actor 3"


def test_the_error_of_a_clip_is_the_mean_of_squares_not_of_distances(run):
    preds = run.table.target + 0.3
    preds[:FRAMES] = run.table.target[:FRAMES]
    preds[0] += 0.9  # half of the others' mean distance, but one and a half times their mean square
    run.table.preds[:] = preds
    assert OF_RUN["timeline_worst"](run, LIGHT).title == "Clip clip 00 of Actor 0"
