"""Intervals of each identity alone."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from elimctl.manifest.grouping import Groups
from elimctl.metrics.identity_intervals import identity_intervals, stretches
from elimctl.metrics.intervals import intervals
from elimctl.metrics.predictions import PredictionTable
from elimctl.metrics.sums import sums
from elimctl.metrics.table import METRICS

CCC = METRICS.index("ccc")


def table(*identities):
    """Predictions of identities, each given as the lengths of its clips."""
    owner = np.concatenate([np.full(sum(lengths), code) for code, lengths in enumerate(identities)])
    lengths = [length for clips in identities for length in clips]
    clip = np.repeat(np.arange(len(lengths)), lengths)
    rng = np.random.default_rng(0)
    target = rng.uniform(-1, 1, (len(owner), 2))
    return PredictionTable(
        row=np.arange(len(owner)),
        frame=np.concatenate([np.arange(length) for length in lengths]),
        target=target,
        preds=0.5 * target + rng.normal(0, 0.2, target.shape),
        identities=Groups(owner.astype(np.int64), tuple(f"p{code}" for code in range(len(identities)))),
        clips=Groups(clip.astype(np.int64), tuple(f"c{code}" for code in range(len(lengths)))),
        classes=(),
        protocol={},
        columns=pa.table({"path": [""] * len(owner)}),
    )


def test_of_enough_clips_these_are_drawn():
    found = table((4, 5, 6, 4, 5, 6), (9,))
    _, ends = identity_intervals(found, resamples=500, seed=3)
    own = found.identities.code == 0
    added = sums(found.preds[own], found.target[own], found.clips.code[own], groups=6)
    np.testing.assert_allclose(ends[0], intervals(added, resamples=500, seed=3))
    assert np.isnan(ends[1]).all()  # three stretches of three frames: too few


def test_the_order_of_the_rows_does_not_matter():
    found = table((30,), (30,))
    order = np.random.default_rng(1).permutation(60)
    mixed = replace(
        found,
        frame=found.frame[order],
        target=found.target[order],
        preds=found.preds[order],
        identities=replace(found.identities, code=found.identities.code[order]),
        clips=replace(found.clips, code=found.clips.code[order]),
    )
    plain, shuffled = (identity_intervals(each, resamples=200)[1] for each in (found, mixed))
    assert np.isfinite(plain[:, :, CCC]).all()
    np.testing.assert_allclose(plain, shuffled)


def test_labels_that_never_vary_have_no_interval_of_a_ccc():
    found = table((36,))
    found.target[:, 0] = 0.5
    scores, ends = identity_intervals(found, resamples=200)
    assert not scores.counts[0, CCC, 0]
    assert np.isnan(ends[0, :, CCC, 0]).all()
    assert np.isfinite(ends[0, :, CCC, 1]).all()


@pytest.mark.parametrize(
    ("lengths", "wanted"),
    [
        ((2, 1, 1, 3, 1), [2, 1, 1, 3, 1]),  # five clips
        ((9,), [3, 3, 3]),
        ((7, 9), [4, 3, 4, 4, 1]),  # of sqrt(16) frames; a clip begins a new one
        ((1,), [1]),
    ],
)
def test_stretches_are_clips_or_parts_of_them(lengths, wanted):
    clip = np.repeat(np.arange(len(lengths)) * 3 + 5, lengths)
    code = stretches(clip)
    assert (np.diff(code) >= 0).all()
    assert np.bincount(code).tolist() == wanted
