import numpy as np
import pytest

from elimctl.experiments.crossval import _over, _scores


def test_over_folds_are_the_mean_and_the_deviation():
    found = _over([{"mean": {"ccc": value}} for value in (0.1, 0.2, 0.6)])["mean"]["ccc"]
    assert found["mean"] == pytest.approx(0.3)
    assert found["spread"] == pytest.approx(np.std([0.1, 0.2, 0.6], ddof=1))
    assert _over([{"accuracy": 0.5}]) == {"accuracy": {"mean": 0.5, "spread": None, "left_out": 0}}


def test_a_score_that_is_not_defined_leaves_its_fold_out():
    cells = {axis: {"pcc": 0.0, "ccc": 0.25} for axis in ("valence", "arousal", "mean")}
    constant = _scores({**cells, "undefined": ["valence.pcc", "mean.pcc"], "effective_identities": 3.5})
    whole = _scores({axis: {"pcc": 0.5, "ccc": 0.75} for axis in cells} | {"undefined": []})
    found = _over([constant, whole, whole])
    assert found["valence"]["pcc"] == {"mean": 0.5, "spread": 0.0, "left_out": 1}
    assert found["arousal"]["pcc"]["mean"] == pytest.approx(1 / 3)
    assert found["mean"]["ccc"]["left_out"] == 0
    assert set(found) == {"valence", "arousal", "mean"}
    assert _over([constant])["mean"]["pcc"] == {"mean": None, "spread": None, "left_out": 1}
