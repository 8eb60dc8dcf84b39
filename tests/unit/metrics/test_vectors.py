"""The metrics against vectors of an independent implementation, in both its own and the published form."""

import json
from pathlib import Path

import numpy as np
import pytest

from elimctl.metrics.moments import empty, update
from elimctl.metrics.score import MetricOptions, values_of


def ccc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["ccc"]


def pcc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["pcc"]


def rmse(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["rmse"]


def sagr(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["sagr"]


VECTORS = json.loads((Path(__file__).parents[2] / "vectors.json").read_text(encoding="utf-8"))["metrics"]
CASES = {
    "RMSE": lambda moments: rmse(moments),
    "RMSE_mean_of_batches_size4": lambda moments: rmse(moments, rmse="batch_mean"),
    "SAGR": lambda moments: sagr(moments),
    "SAGR_repository_zero_label_never_agrees": lambda moments: sagr(moments, sagr_zero="never"),
    "PCC": lambda moments: pcc(moments),
    "PCC_repository_cov_ddof1_over_std_ddof0": lambda moments: pcc(moments, moments="reference"),
    "CCC": lambda moments: ccc(moments),
    "CCC_repository_cov_ddof1": lambda moments: ccc(moments, moments="reference"),
}


@pytest.fixture
def moments():
    axes = (VECTORS["valence"], VECTORS["arousal"])
    preds = np.array([axis["y_hat"] for axis in axes]).T
    target = np.array([axis["y"] for axis in axes]).T
    return update(update(empty(), preds[:4], target[:4]), preds[4:], target[4:])


@pytest.mark.parametrize("case", CASES)
def test_it_agrees_with_the_vectors(case, moments):
    # the vectors have ten significant digits
    np.testing.assert_allclose(
        CASES[case](moments), [VECTORS["valence"][case], VECTORS["arousal"][case]], rtol=1e-9
    )


def test_every_vector_is_checked():
    assert set(CASES) == set(VECTORS["valence"]) - {"y", "y_hat"}


@pytest.mark.parametrize("case", CASES)
def test_identical_predictions_score_as_the_analytic_check_says(case):
    values = np.linspace(-0.9, 0.8, 12).reshape(6, 2)
    ideal = {"RMSE": 0.0, "SAGR": 1.0, "PCC": 1.0, "CCC": 1.0}[case.split("_")[0]]
    # the published PCC and CCC are n / (n - 1) times as large, here 6 / 5
    factor = 1.2 if case.startswith(("PCC_", "CCC_")) else 1.0
    np.testing.assert_allclose(CASES[case](update(empty(), values, values)), [ideal * factor] * 2, rtol=1e-15)
