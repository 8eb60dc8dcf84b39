"""Tables of classes and of many slices; the end-to-end tests show those of valence and arousal."""

import pytest

from elimctl.cli import analyses, crossval
from elimctl.evaluate.calibration import Bin, Reliability
from elimctl.evaluate.classes import ClassScores
from elimctl.evaluate.detail import ClassDetail, Resampling
from elimctl.evaluate.evaluate import Evaluated
from elimctl.evaluate.invariance import Invariance, Measured
from elimctl.evaluate.slices import Gap, Slice, Slices
from elimctl.stages.analyses import Analyses
from elimctl.stages.crossval import CrossValidation, Fold

RATES = ("accuracy", "balanced_accuracy", "macro_f1")


def sliced(accuracies):
    parts = [
        Slice(
            name=f"s{number:02d}",
            count=40,
            identities=8,
            scores=dict(zip(RATES, (value, value / 2, value / 4), strict=True)),
            undefined=[],
            intervals={"accuracy": [value - 0.1, value + 0.1], "balanced_accuracy": None, "macro_f1": None},
        )
        for number, value in enumerate(accuracies)
    ]
    gap = Gap(largest="s01", smallest="s00", gap=0.2, low=-0.05, high=0.45)
    gaps = dict.fromkeys(RATES, gap)
    return Slices("gender", parts, [part.name for part in parts], gaps, Resampling())


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_slices_of_classes_show_their_rates_and_the_gap(capsys):
    analyses.show(Analyses(slices={"gender": sliced([0.5, 0.7])}))
    told = capsys.readouterr()
    assert "balanced" in told.out
    assert "0.600 to 0.800" in told.out
    assert "accuracy by gender: widest gap 0.200 (95 % interval -0.050 to 0.450), from s00 to s01" in told.err


def test_of_many_slices_the_lowest_and_the_highest_are_shown(capsys):
    analyses.show(Analyses(slices={"identity": sliced([number / 100 for number in range(30)])}))
    told = capsys.readouterr()
    assert "s09" in told.out
    assert "s20" in told.out
    assert "s10" not in told.out
    assert "s19" not in told.out
    assert "the 10 lowest and 10 highest of 30" in told.err


def test_constant_predictions_have_a_reliability_without_a_slope(capsys):
    one = Bin(low=0.1, high=0.1, predicted=0.1, true=-0.2, count=30, identities=3)
    found = Reliability(
        error=0.3, slope=None, slope_interval=None, intercept=-0.2, intercept_interval=None, bins=[one]
    )
    analyses.show(Analyses(calibration={"valence": found}))
    told = capsys.readouterr()
    assert "-0.300" in told.out
    assert "expected calibration error 0.300" in told.err
    assert "predictions are constant" in told.err


def test_the_invariance_of_classes_has_no_spread(capsys):
    left = Invariance(probe=0.4, probe_chance=0.1, neighbours=0.2, neighbours_chance=0.05)
    found = Measured(60, 10, "clips", left, 0.3, 0.08, None)
    analyses.show(Analyses(invariance=found))
    told = capsys.readouterr().out
    assert "linear probe, across clips" in told
    assert "standard deviation" not in told


def test_a_cross_validation_of_classes_shows_its_rates(capsys, tmp_path):
    detail = ClassDetail(6, 12, None, Resampling(), {"accuracy": [0.4, 0.6], **dict.fromkeys(RATES[1:])})

    def evaluated(accuracy):
        return Evaluated(
            ClassScores("val", 30, accuracy, 0.4, 0.3, classes=("a", "b"), confusion=((9, 6), (6, 9))), detail
        )

    folds = tuple(Fold(number, f"cv-f{number}", 10, evaluated(0.5 + number / 10)) for number in (0, 1))
    found = CrossValidation("cv", "faces", "0", (), folds, evaluated(0.56), tmp_path / "crossval.parquet")
    crossval._show(found)
    told = capsys.readouterr().out
    for word in ("accuracy", "balanced", "F1", "0.400 to 0.600", "0.550", "0.071", "pooled"):
        assert word in told
    assert found.over_folds["accuracy"]["mean"] == pytest.approx(0.55)
    assert max(map(len, told.splitlines())) <= 80
