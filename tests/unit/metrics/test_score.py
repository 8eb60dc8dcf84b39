import json
from dataclasses import asdict

import numpy as np
import pytest

from elimctl.config import validate
from elimctl.errors import ConfigError, DataError
from elimctl.metrics.moments import empty, update
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.score import MetricOptions, accumulate, remark, score, summed_forms
from elimctl.metrics.table import METRICS
from elimctl.predict.table import read


@pytest.fixture
def moments():
    rng = np.random.default_rng(0)
    target = rng.integers(-4, 5, (30, 2)) / 4
    return update(empty(), target + rng.normal(0, 0.2, target.shape), target)


def test_the_json_has_exactly_the_keys_that_readers_rely_on(moments):
    found = json.loads(json.dumps(asdict(score(moments, MetricOptions(), split="val")), allow_nan=False))
    assert list(found) == ["split", "count", "valence", "arousal", "mean"]
    assert found["split"] == "val"
    assert found["count"] == 30
    for axis in ("valence", "arousal", "mean"):
        assert list(found[axis]) == list(METRICS)
        assert all(type(value) is float for value in found[axis].values())


def test_cells_are_the_scores_by_axis(moments):
    scores = score(moments, MetricOptions(), split="val")
    assert scores.cells["arousal"]["mae"] == scores.arousal["mae"]
    assert list(scores.cells) == ["valence", "arousal", "mean"]


def test_the_mean_is_taken_metric_by_metric(moments):
    scores = score(moments, MetricOptions(), split="val")
    for metric in METRICS:
        valence, arousal = scores.valence[metric], scores.arousal[metric]
        assert scores.mean[metric] == pytest.approx((valence + arousal) / 2, rel=1e-15)


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (MetricOptions(rmse="batch_mean"), {"rmse"}),
        (MetricOptions(sagr_zero="skip"), {"sagr"}),
        (MetricOptions(moments="reference"), {"pcc", "ccc"}),
    ],
)
def test_each_option_reaches_its_metric_and_no_other(moments, options, changed):
    more = update(moments, np.array([[0.5, 0.5]]), np.array([[0.25, 0.0]]))
    plain, other = (score(more, chosen, split="val").valence for chosen in (MetricOptions(), options))
    differing = {name for name in METRICS if plain[name] != other[name]}
    assert differing == changed


def test_an_unknown_form_is_refused():
    with pytest.raises(ConfigError, match=r"eval\.metrics\.sagr_zero"):
        validate(MetricOptions, {"sagr_zero": "sometimes"}, where="eval.metrics")


def test_a_split_without_samples_has_no_score():
    with pytest.raises(DataError, match="no sample"):
        score(empty(), MetricOptions(), split="val")


def test_accumulated_batches_keep_their_sizes():
    rows = np.arange(5)
    preds, target = np.full((5, 2), 0.5, dtype=np.float32), np.zeros((5, 2))
    batches = [Predictions(rows[part], preds[part], target[part]) for part in (slice(0, 3), slice(3, 5))]
    moments = accumulate(batches)
    assert (moments.count, moments.batches) == (5, 2)


def test_signs_follow_the_split_and_all_else_is_what_sums_give(save):
    table = read(save(metrics={"rmse": "batch_mean", "sagr_zero": "never", "moments": "reference"}))
    assert summed_forms(table).model_dump() == {
        "rmse": "global",
        "sagr_zero": "never",
        "moments": "population",
    }
    assert remark(table) == (
        "in other forms than the scores of the split: rmse global, not batch_mean; "
        "moments population, not reference"
    )


@pytest.mark.parametrize("metrics", [{}, {"metrics": {}}, {"metrics": {"sagr_zero": "skip"}}])
def test_where_all_forms_are_the_splits_there_is_nothing_to_remark(save, metrics):
    assert remark(read(save(**metrics))) is None


def test_forms_that_there_are_not_are_refused(save):
    with pytest.raises(ConfigError, match=r"metrics\.sagr_zero"):
        summed_forms(read(save(metrics={"sagr_zero": "half"})))
