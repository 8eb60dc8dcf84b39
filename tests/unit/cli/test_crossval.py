"""How a cross-validation is shown: a line for each fold within 80 columns, and what the table cannot say."""

import re

import pytest

from elimctl.cli import crossval
from elimctl.commands.conclude import Evaluated
from elimctl.commands.crossval import Folds
from elimctl.experiments.crossval import CrossValidation, Fold
from elimctl.metrics.classes import ClassScores
from elimctl.metrics.detail import Cells, ClassDetail, Detail, GroupMeans, Resampling
from elimctl.metrics.rates import RATES
from elimctl.metrics.score import Scores
from elimctl.metrics.table import AXES, METRICS


def of_axes(ccc, *, undefined=(), low=-0.25, effective=6.0):
    """Scores of valence and arousal, the same for both, with an interval of minus something."""
    axis = {"rmse": 0.5, "sagr": 0.5, "pcc": ccc, "ccc": ccc, "mae": 0.4}
    intervals: Cells = {name: {key: [low, ccc] for key in METRICS} for name in AXES}
    means = GroupMeans(6, {}, {})
    detail = Detail(
        identities=1234,
        effective_identities=effective,
        unidentified=0,
        clips=12,
        undefined=list(undefined),
        no_interval=None,
        resampling=Resampling(),
        intervals=intervals,
        per_identity=means,
        per_clip=means,
    )
    return Evaluated(Scores("val", 1_234_567, axis, axis, axis), detail)


def of_classes(accuracy):
    intervals = {"accuracy": [0.4, 0.6], **dict.fromkeys(list(RATES)[1:])}
    detail = ClassDetail(
        identities=6,
        effective_identities=6.0,
        unidentified=0,
        clips=12,
        no_interval=None,
        resampling=Resampling(),
        intervals=intervals,
    )
    scores = ClassScores("val", 30, accuracy, 0.4, 0.3, classes=("a", "b"), confusion=((9, 6), (6, 9)))
    return Evaluated(scores, detail)


@pytest.fixture
def shown(capsys, monkeypatch, tmp_path):
    """A function that shows folds, given with their scores, and returns stdout and stderr."""

    def show(folds, pooled, *, of=None):
        monkeypatch.setenv("COLUMNS", "80")
        parts = tuple(Fold(number, f"cv-f{number}", 10, evaluated) for number, evaluated in folds.items())
        held_out = Folds(tmp_path / "faces", tuple(folds), of or len(parts))
        found = CrossValidation("cv", "0", held_out, parts, pooled, tmp_path / "crossval.parquet")
        crossval._show(found)
        return capsys.readouterr()

    return show


def rows(out):
    """Cells of a table by the first one of their row."""
    lines = [line for line in out.splitlines() if "│" in line]
    cells = [[cell.strip() for cell in re.split("│", line)[1:-1]] for line in lines]
    return {row[0]: row[1:] for row in cells}, len(lines)


def test_every_fold_takes_one_line_even_if_there_are_many(shown):
    folds = {number: of_axes(-0.125) for number in range(12)}
    out, _ = shown(folds, of_axes(-0.125))
    table, lines = rows(out)
    assert lines == 12 + 3
    assert table["fold 10"] == ["1,234", "-0.125", "-0.250 to -0.125", "-0.125", "-0.125"]
    assert "1,234,567 samples, 12 folds" in out


def test_classes_show_their_rates_in_one_line_each(shown):
    folds = {number: of_classes(0.5 + number / 100) for number in (0, 10)}
    out, _ = shown(folds, of_classes(0.56))
    table, lines = rows(out)
    assert lines == 5
    assert table["fold 10"] == ["6", "0.600", "0.400 to 0.600", "0.400", "0.300"]
    assert table["mean"] == ["-", "0.550", "-", "0.400", "0.300"]
    assert table["spread"][1] == "0.071"
    assert all(word in out for word in ("accuracy", "balanced", "F1"))


def test_a_score_that_is_not_defined_is_a_dash_and_in_no_mean(shown):
    lacking = of_axes(0.0, undefined=["valence.ccc", "mean.ccc"])
    out, err = shown({0: lacking, 1: of_axes(0.5), 2: of_axes(0.7)}, of_axes(0.5))
    table, _ = rows(out)
    assert table["fold 0"][1] == table["fold 0"][3] == "-"
    assert table["fold 0"][4] == "0.000"  # arousal, which is defined
    assert table["mean"] == ["-", "0.600", "-", "0.600", "0.400"]
    assert "undefined (shown as -, not in mean and spread): " in err
    assert "mean ccc of 1 fold, valence ccc of 1 fold" in err


def test_some_folds_of_all_are_called_so(shown):
    out, err = shown({0: of_axes(0.5)}, of_axes(0.5), of=6)
    assert "1 of 6 folds" in out
    assert "1 of 6 folds were held out" in err
    assert rows(out)[0]["spread"] == ["-"] * 5
    out, err = shown({0: of_axes(0.5), 1: of_axes(0.5)}, of_axes(0.5))
    assert "of 2 folds" not in out + err


def test_that_checkpoints_were_chosen_on_the_scored_fold_is_told(shown):
    assert "scores are optimistic" in shown({0: of_axes(0.5)}, of_axes(0.5)).err


def test_few_identities_are_told_of(shown):
    assert "the 1,234 identities weigh like 6 equal ones" in shown({0: of_axes(0.5)}, of_axes(0.5)).err
    plenty = of_axes(0.5, effective=8.5)
    assert "weigh like" not in shown({0: of_axes(0.5)}, plenty).err
