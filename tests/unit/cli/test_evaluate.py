"""How scores are shown: every row within 80 columns, a dash for what is not defined, and why."""

import re

import numpy as np
import pyarrow as pa
import pytest

from elimctl.cli.evaluate import _of_other_forms, remarks_on_identities, show_scores
from elimctl.cli.tables import ends
from elimctl.commands.conclude import evaluate
from elimctl.commands.execution import Scoring
from elimctl.metrics.classes import ClassScores
from elimctl.metrics.detail import ClassDetail, Resampling
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.score import MetricOptions
from elimctl.text import counted

NAMES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")


@pytest.fixture
def shown(tmp_path, capsys, monkeypatch):
    """A function that scores predictions of 8 identities, or fewer, and returns stdout and stderr."""

    def show(preds=None, *, identities=8, classes=(), unknown=(), public_code=False):
        monkeypatch.setenv("COLUMNS", "80")
        rng = np.random.default_rng(0)
        count = 6 * identities
        width = 1 if classes else 2
        target = rng.integers(0, 8, (count, 1)).astype(float) if classes else rng.uniform(-1, 1, (count, 2))
        if preds is None:
            preds = (
                rng.normal(size=(count, 8)) if classes else 0.5 * target + rng.normal(0, 0.3, target.shape)
            )
        batch = Predictions(np.arange(count), np.asarray(preds, np.float32), target.reshape(count, width))
        names = ["none" if row // 6 in unknown else f"Actor {row // 6}" for row in range(count)]
        table = pa.table({"path": names, "identity": names, "clip": names, "frame": np.arange(count)})
        found = evaluate(
            [batch],
            table,
            split="val",
            path=tmp_path / "val",
            classes=classes,
            scoring=Scoring(MetricOptions(), Resampling(resamples=200), public_code),
            protocol={},
        )
        show_scores(found.scores, found.detail, title="run on faces, val")
        return capsys.readouterr()

    return show


def cells(out):
    """Rows of a table, cell by cell."""
    return [
        [cell.strip() for cell in re.split("[│|]", line)[1:-1]] for line in out.splitlines() if "│" in line
    ]


@pytest.mark.parametrize("public_code", [False, True])
def test_every_metric_and_axis_has_a_row_with_its_interval_within_80_columns(shown, public_code):
    out, _ = shown(public_code=public_code)
    rows = cells(out)
    assert [row[0] for row in rows[::3]] == ["RMSE", "SAGR", "PCC", "CCC", "MAE"]
    assert len(rows) == 15  # a row that is too long for the terminal would take two lines
    for row in rows:
        assert re.fullmatch(r"-?\d\.\d{3} to -?\d\.\d{3}", row[3]), row
        assert len(row) == (7 if public_code else 6)
    assert "48 samples, 8 identities, 8 clips" in out


def test_constant_predictions_show_a_dash_for_pcc_and_0_for_ccc(shown):
    out, err = shown(np.full((48, 2), 0.25))
    rows = {tuple(row[:2]): row[2:] for row in cells(out)}
    assert rows["PCC", "mean"][:2] == ["-", "-"]
    assert rows["CCC", "mean"][:2] == ["0.000", "-"]
    assert rows["RMSE", "mean"][1] != "-"
    assert "nan" not in out
    assert "undefined (shown as -, 0 in the file): valence pcc" in err


def test_what_is_not_defined_has_a_dash_for_the_published_formula_too(shown):
    preds = np.random.default_rng(1).uniform(-1, 1, (48, 2))
    preds[:, 0] = 0.25
    out, _ = shown(preds, public_code=True)
    rows = {tuple(row[:2]): row for row in cells(out)}
    assert rows["PCC", "valence"][-1] == rows["PCC", "mean"][-1] == "-"
    assert rows["PCC", "arousal"][-1] not in ("-", "0.000")
    assert rows["CCC", "valence"][-1] == "0.000"  # whose denominator is not 0
    assert rows["RMSE", "valence"][-1] != "-"


def test_scores_without_an_interval_are_named(shown):
    preds = np.random.default_rng(1).uniform(-1, 1, (48, 2))
    target = np.random.default_rng(0).uniform(-1, 1, (48, 2))  # as `shown` draws it
    preds[:, 0] = 0.5 * target[:, 0]  # every sign is right
    out, err = shown(preds)
    rows = {tuple(row[:2]): row for row in cells(out)}
    assert rows["SAGR", "valence"][2:4] == ["1.000", "-"]
    assert "no interval: valence SAGR" in err
    assert "arousal SAGR" not in err
    assert rows["SAGR", "mean"][3] != "-"


def test_identities_that_weigh_like_few_are_told_of():
    def told(identities, effective, unidentified=0, reason=None):
        return list(
            remarks_on_identities(
                ClassDetail(identities, effective, unidentified, 30, reason, Resampling(), {})
            )
        )

    assert told(20, 20.0) == told(20, 8.0) == []
    assert told(20, 6.7) == ["the 20 identities weigh like 7 equal ones: intervals may be too narrow"]
    assert told(5, 5.0) == ["the 5 identities are few: intervals may be too narrow"]
    assert told(4, 4.0, reason="4 identities: no interval") == ["4 identities: no interval"]


def test_samples_of_unknown_identity_are_told_of(shown):
    assert "without identity" not in shown().err
    assert "6 samples without identity count as one of the 8 identities (none)" in shown(unknown=(3,)).err
    assert "6 samples without identity" in shown(classes=NAMES, unknown=(3,)).err


def test_one_of_a_kind_is_not_called_several(shown):
    out, _ = shown(identities=1)
    assert "6 samples, 1 identity, 1 clip" in " ".join(out.split())
    assert counted(2, "identity", "identities") == "2 identities"


def test_metrics_of_other_forms_are_said_to_have_no_interval():
    assert list(_of_other_forms(MetricOptions(sagr_zero="never"))) == []
    (line,) = _of_other_forms(MetricOptions(rmse="batch_mean", moments="reference"))
    assert line.startswith("RMSE, PCC and CCC")
    (line,) = _of_other_forms(MetricOptions(rmse="batch_mean"))
    assert line.startswith("RMSE has neither intervals nor group means")


def test_one_identity_has_no_interval_and_is_told_so(shown):
    out, err = shown(identities=1)
    assert {row[3] for row in cells(out)} == {"-"}
    assert "one identity: no interval" in err


def test_what_the_published_formulas_are_is_told(shown):
    assert "batches of 512" in shown(public_code=True).err


def test_rates_of_eight_classes_have_intervals_within_80_columns(shown):
    out, _ = shown(classes=NAMES)
    assert [row[0] for row in cells(out)[:3]] == ["accuracy", "balanced accuracy", "macro F1"]
    assert all(" to " in row[2] for row in cells(out)[:3])


def test_a_confusion_of_many_samples_takes_one_line_a_class(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    confusion = tuple(tuple([75_374] * 8) for _ in NAMES)  # the training samples of one class of AffectNet
    scores = ClassScores("train", 8 * 8 * 75_374, 0.5, 0.5, 0.5, classes=NAMES, confusion=confusion)
    show_scores(scores, title="run on faces, train")
    rows = cells(capsys.readouterr().out)
    assert rows[3:] == [[name, *["75374"] * 8] for name in NAMES]


def test_ends_are_written_without_a_minus_before_0():
    assert ends(-0.5, 0.25) == "-0.500 to 0.250"
    assert ends(-0.0001, 0.0001) == "0.000 to 0.000"
    assert ends(None, None) is None
