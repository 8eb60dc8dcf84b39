import json
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from elimctl.commands import analyses as stage
from elimctl.commands.analyses import Analyses, Asked, _smoothing, analyse, require_columns
from elimctl.errors import ConfigError, DataError
from elimctl.metrics.detail import Resampling


@pytest.mark.parametrize(
    ("name", "hint"),
    [("agegroup", "write age_group"), ("Gender", "write gender"), ("zzz", "choose one of these")],
)
def test_a_column_that_there_is_not_is_refused_and_near_ones_are_named(name, hint):
    with pytest.raises(ConfigError, match=f"no column '{name}' in the manifest; available: row") as error:
        require_columns(["gender", name])
    assert hint in error.value.hint


def test_columns_of_a_manifest_are_accepted():
    require_columns(["age_group", "gender", "expression", "identity", "score", "age"])
    require_columns([])


def test_classes_are_not_smoothed():
    table, evaluation = SimpleNamespace(classes=("a", "b")), SimpleNamespace(run="dmue-1")
    with pytest.raises(ConfigError, match="run dmue-1 learns classes"):
        _smoothing(None, evaluation, table, Resampling(), None)


def test_what_was_not_asked_for_is_not_told():
    @dataclass
    class Found:
        error: float

    assert Analyses().values == {}
    assert Analyses(calibration={"valence": Found(0.1)}).values == {
        "calibration": {"valence": {"error": 0.1}}
    }


def test_one_analysis_that_fails_does_not_keep_the_others(tmp_path, monkeypatch):
    def fail(*_):
        raise DataError("no identities", hint="prepare")

    def cut(_, __, ___, name, ____):
        if name == "points":
            raise ConfigError("no slices", hint="choose another")
        return 1

    monkeypatch.setattr(stage, "read", lambda _: SimpleNamespace(protocol={"split": "val"}))
    monkeypatch.setattr(stage, "_slices", cut)
    monkeypatch.setattr(stage, "_invariance", fail)
    monkeypatch.setattr(stage, "calibration", lambda *_: {"valence": 2})
    evaluation = SimpleNamespace(predictions=tmp_path / "val.parquet")
    asked = Asked(("points", "score"), calibration=True, invariance=True)
    found = analyse(None, evaluation, asked, resampling=Resampling())
    assert found.values == {"slices": {"score": 1}, "calibration": {"valence": 2}}
    assert [error.message for error in found.failed] == ["no slices", "no identities"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["val.calibration.json", "val.slices.json"]
    assert json.loads((tmp_path / "val.slices.json").read_text())["slices"] == {"score": 1}


def test_a_column_that_there_is_not_keeps_everything_from_being_made():
    with pytest.raises(ConfigError, match="no column 'zzz'"):
        analyse(None, None, Asked(("zzz",), calibration=True), resampling=Resampling())


def test_slices_by_another_column_are_added_to_those_of_the_same_predictions(tmp_path, monkeypatch):
    protocol = {"step": 1}
    monkeypatch.setattr(stage, "read", lambda _: SimpleNamespace(protocol=dict(protocol)))
    monkeypatch.setattr(stage, "_slices", lambda *given: given[3].upper())
    evaluation = SimpleNamespace(predictions=tmp_path / "val.parquet")
    for column in ("gender", "score"):
        analyse(None, evaluation, Asked((column,)), resampling=Resampling())
    file = tmp_path / "val.slices.json"
    assert json.loads(file.read_text())["slices"] == {"gender": "GENDER", "score": "SCORE"}
    protocol["step"] = 2  # what was found before is of other predictions now
    analyse(None, evaluation, Asked(("age_group",)), resampling=Resampling())
    assert json.loads(file.read_text())["slices"] == {"age_group": "AGE_GROUP"}
