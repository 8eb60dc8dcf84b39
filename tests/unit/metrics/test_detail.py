import json
from dataclasses import asdict

import numpy as np
import pytest

from elimctl.metrics.classes import confusions
from elimctl.metrics.detail import REFERENCE, Resampling, cells, detail, no_interval, reference_scores
from elimctl.metrics.intervals import intervals
from elimctl.metrics.moments import empty, update
from elimctl.metrics.score import MetricOptions, score
from elimctl.metrics.sums import sums
from elimctl.metrics.table import AXES, METRICS
from elimctl.predict.table import read

FEW = Resampling(resamples=200, seed=3)


def test_intervals_are_over_identities_by_axis_and_metric(save):
    table = read(save())
    found = detail(table, MetricOptions(), FEW)
    added = sums(table.preds, table.target, table.identities.code, groups=12)
    low, high = intervals(added, resamples=200, seed=3)
    for line, metric in enumerate(METRICS):
        for column, axis in enumerate(AXES):
            assert found.intervals[axis][metric] == [low[line, column], high[line, column]]
    assert (found.identities, found.clips) == (12, 24)
    assert found.no_interval is None
    assert found.undefined == []
    assert found.per_identity.groups == 12
    assert found.per_clip.means["mean"]["ccc"] != found.per_identity.means["mean"]["ccc"]


def test_identities_are_counted_by_their_weight_too(save):
    table = read(save())
    assert detail(table, MetricOptions(), FEW).effective_identities == pytest.approx(12)
    kept = np.flatnonzero(table.identities.code != 0)  # two of ten frames of the first are left
    fewer = read(save(keep=np.sort(np.append(kept, [0, 1]))))
    found = detail(fewer, MetricOptions(), FEW)
    assert found.identities == 12
    assert found.effective_identities == pytest.approx(112**2 / (11 * 10**2 + 2**2))


def test_samples_of_no_identity_are_counted_and_are_one_group(save, save_classes):
    assert detail(read(save()), MetricOptions(), FEW).unidentified == 0
    for table in (read(save(unknown=(3,))), read(save_classes(unknown=(3,)))):
        found = detail(table, MetricOptions(), FEW)
        assert found.unidentified == 10
        assert found.identities == 12


def test_all_of_it_is_json_without_nan(save):
    for identities in (1, 12):
        for preds in (None, np.zeros((identities * 10, 2))):
            table = read(save(identities=identities, preds=preds))
            json.dumps(asdict(detail(table, MetricOptions(), FEW, reference=True)), allow_nan=False)


def test_one_identity_has_no_interval_and_it_is_said(save):
    found = detail(read(save(identities=1)), MetricOptions(), FEW)
    assert found.no_interval == "one identity: no interval"
    assert all(ends is None for axis in found.intervals.values() for ends in axis.values())
    assert no_interval(3) == "3 identities: no interval, at least 5 wanted"
    assert no_interval(5) is None


def test_constant_predictions_leave_pcc_undefined_and_ccc_0_without_intervals(save):
    found = detail(read(save(preds=np.full((120, 2), 0.25))), MetricOptions(), FEW)
    assert found.undefined == ["valence.pcc", "arousal.pcc", "mean.pcc"]
    assert found.intervals["mean"]["pcc"] is found.intervals["mean"]["ccc"] is None
    assert found.intervals["mean"]["rmse"] is not None


def test_other_forms_have_no_intervals_and_the_zero_rule_is_followed(save):
    table = read(save())
    plain, other = detail(table, MetricOptions(), FEW), detail(table, REFERENCE, FEW)
    for metric in ("rmse", "pcc", "ccc"):
        assert other.intervals["valence"][metric] is other.per_clip.means["valence"][metric] is None
    assert other.intervals["valence"]["mae"] == plain.intervals["valence"]["mae"]
    # labels are rounded to tenths, a twentieth of them to 0
    skipped = detail(table, MetricOptions(sagr_zero="skip"), FEW)
    assert skipped.intervals["valence"]["sagr"] != plain.intervals["valence"]["sagr"]


def test_the_published_formulas_are_those_of_the_metrics_in_batches(save, monkeypatch):
    monkeypatch.setattr("elimctl.metrics.detail.REFERENCE_BATCH", 50)
    table = read(save())
    moments = empty()
    for start in (0, 50, 100):  # the last has 20
        moments = update(moments, table.preds[start : start + 50], table.target[start : start + 50])
    found = reference_scores(table)
    assert {axis: found[axis] for axis in AXES} == score(moments, REFERENCE, split="val").cells
    assert (found["batch_size"], found["rmse"], found["sagr_zero"]) == (50, "batch_mean", "never")


def test_cells_that_are_nan_are_none():
    values = np.zeros((5, 3))
    values[METRICS.index("ccc"), 1] = np.nan
    found = cells(values)
    assert found["arousal"]["ccc"] is None
    assert found["valence"]["ccc"] == 0.0


def test_classes_have_intervals_of_their_rates(save_classes):
    table = read(save_classes())
    found = detail(table, MetricOptions(), FEW, reference=True)
    of = table.identities
    counted = confusions(table.target, table.preds, of.code, groups=12, classes=3).sum(axis=0)
    low, high = found.intervals["accuracy"]
    assert low < np.trace(counted) / counted.sum() < high
    assert set(found.intervals) == {"accuracy", "balanced_accuracy", "macro_f1"}
    lone = detail(read(save_classes(identities=1)), MetricOptions(), FEW)
    assert lone.no_interval == "one identity: no interval"
    assert set(lone.intervals.values()) == {None}


@pytest.mark.parametrize("seed", [3, 4])
def test_the_seed_decides_the_draws(save, seed):
    table = read(save())
    first, again = (detail(table, MetricOptions(), Resampling(200, seed)) for _ in range(2))
    assert first == again
    assert (first.intervals == detail(table, MetricOptions(), FEW).intervals) == (seed == 3)
