import numpy as np
import pytest

from elimctl.manifest.grouping import Groups
from elimctl.metrics.groups import clip_errors, group_scores
from elimctl.metrics.moments import empty, update
from elimctl.metrics.score import MetricOptions, values_of
from elimctl.metrics.table import METRICS
from elimctl.predict.table import read


def ccc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["ccc"]


CCC, PCC, SAGR, RMSE = (METRICS.index(name) for name in ("ccc", "pcc", "sagr", "rmse"))


def test_each_clip_is_scored_alone_and_the_mean_is_over_clips(save):
    table = read(save())
    found = group_scores(table.preds, table.target, table.clips)
    alone = [
        ccc(update(empty(), table.preds[own], table.target[own]))
        for own in (table.clips.code == code for code in range(24))
    ]
    # float64 sums of five terms in another order
    np.testing.assert_allclose(found.scores[:, CCC, :2], alone, rtol=1e-12)
    np.testing.assert_allclose(found.means[CCC, :2], np.mean(alone, axis=0), rtol=1e-12)
    assert found.means[CCC, 2] == pytest.approx(np.mean(alone))
    assert found.count.tolist() == [5] * 24
    assert not found.left_out.any()


def test_what_says_nothing_of_the_model_is_left_out_and_counted():
    code = np.repeat([0, 1, 2], [4, 4, 2])
    target = np.array([[0, 1], [1, 2], [2, 0], [3, 1], *[[0.5, 0]] * 3, [0.5, 1], [0, 0], [1, 1]]) / 4
    preds = np.linspace(-1, 1, 20).reshape(10, 2)
    found = group_scores(preds, target, Groups(code, ("a", "b", "c")))
    # b's valence is constant, and c has two samples only
    assert found.left_out[CCC].tolist() == found.left_out[PCC].tolist() == [2, 1, 2]
    assert found.left_out[RMSE].tolist() == found.left_out[SAGR].tolist() == [0, 0, 0]
    assert found.means[CCC, 0] == found.scores[0, CCC, 0]
    assert found.means[CCC, 1] == pytest.approx(found.scores[:2, CCC, 1].mean())
    assert found.means[CCC, 2] == pytest.approx(found.means[CCC, :2].mean())


def test_constant_predictions_count_as_0_not_as_nothing(save):
    table = read(save(preds=np.full((120, 2), 0.3)))
    found = group_scores(table.preds, table.target, table.identities)
    assert not found.left_out.any()
    assert found.means[CCC, 2] == found.means[PCC, 2] == 0


def test_a_mean_over_no_group_is_nan():
    found = group_scores(np.ones((2, 2)), np.zeros((2, 2)), Groups(np.array([0, 1]), ("a", "b")), zero="skip")
    assert np.isnan(found.means[[PCC, CCC, SAGR]]).all()
    assert found.left_out[SAGR].tolist() == [2, 2, 2]
    assert (found.means[RMSE] == 1).all()


def test_the_error_of_a_clip_is_the_mean_squared_distance_of_its_frames(save):
    table = read(save())
    errors = clip_errors(table)
    for code in range(24):
        own = table.clips.code == code
        distances = np.hypot(*(table.preds[own] - table.target[own]).T)
        assert errors[code] == pytest.approx(np.mean(distances**2))
