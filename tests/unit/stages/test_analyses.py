from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from elimctl.errors import ConfigError
from elimctl.evaluate.detail import Resampling
from elimctl.stages.analyses import Analyses, _smoothing, require_columns


@pytest.mark.parametrize(
    ("name", "hint"),
    [("agegroup", "write age_group"), ("Gender", "write gender"), ("zzz", "choose one of these")],
)
def test_a_column_that_there_is_not_is_refused_and_near_ones_are_named(name, hint):
    with pytest.raises(ConfigError, match=f"no column '{name}' in a manifest; there are: row") as error:
        require_columns(["gender", name])
    assert hint in error.value.hint


def test_columns_of_a_manifest_are_accepted():
    require_columns(["age_group", "gender", "expression", "identity", "score", "age"])
    require_columns([])


def test_classes_are_not_smoothed():
    table, evaluation = SimpleNamespace(classes=("a", "b")), SimpleNamespace(run="dmue-1")
    with pytest.raises(ConfigError, match="run dmue-1 learns classes"):
        _smoothing(None, evaluation, table, Resampling(), None, None)


def test_what_was_not_asked_for_is_not_told():
    @dataclass
    class Found:
        error: float

    assert Analyses().values == {}
    assert Analyses(calibration={"valence": Found(0.1)}).values == {
        "calibration": {"valence": {"error": 0.1}}
    }
