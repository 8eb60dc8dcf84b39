"""How scores are shown: every row within 80 columns, a dash for what is not defined, and why."""

import re

import numpy as np
import pyarrow as pa
import pytest

from elimctl.cli.compare import sentence
from elimctl.cli.evaluate import ends, label, show_scores
from elimctl.evaluate.compare import Change, Comparison
from elimctl.evaluate.detail import Resampling
from elimctl.evaluate.evaluate import evaluate
from elimctl.evaluate.predict import Predictions
from elimctl.evaluate.score import MetricOptions

NAMES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")


@pytest.fixture
def shown(tmp_path, capsys, monkeypatch):
    """A function that scores predictions of 8 identities, or fewer, and returns stdout and stderr."""

    def show(preds=None, *, identities=8, classes=(), **knobs):
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
        names = [f"Actor {row // 6}" for row in range(count)]
        table = pa.table({"path": names, "identity": names, "clip": names, "frame": np.arange(count)})
        found = evaluate(
            [batch],
            table,
            split="val",
            path=tmp_path / "val",
            classes=classes,
            options=MetricOptions(),
            protocol={},
            resampling=Resampling(resamples=200),
            **knobs,
        )
        show_scores(found.scores, found.detail, title="run on faces, val")
        return capsys.readouterr()

    return show


def cells(out):
    """Rows of a table, cell by cell."""
    return [
        [cell.strip() for cell in re.split("[│|]", line)[1:-1]] for line in out.splitlines() if "│" in line
    ]


@pytest.mark.parametrize("knobs", [{}, {"reference": True}])
def test_every_metric_and_axis_has_a_row_with_its_interval_within_80_columns(shown, knobs):
    out, _ = shown(**knobs)
    assert max(map(len, out.splitlines())) <= 80
    rows = cells(out)
    assert [row[0] for row in rows[::3]] == ["RMSE", "SAGR", "PCC", "CCC", "MAE"]
    assert len(rows) == 15
    for row in rows:
        assert re.fullmatch(r"-?\d\.\d{3} to -?\d\.\d{3}", row[3]), row
        assert len(row) == (7 if knobs else 6)
    assert "48 samples, 8 identities, 8 clips" in out


def test_constant_predictions_show_a_dash_for_pcc_and_0_for_ccc(shown):
    out, err = shown(np.full((48, 2), 0.25))
    rows = {tuple(row[:2]): row[2:] for row in cells(out)}
    assert rows["PCC", "mean"][:2] == ["-", "-"]
    assert rows["CCC", "mean"][:2] == ["0.000", "-"]
    assert rows["RMSE", "mean"][1] != "-"
    assert "nan" not in out
    assert "not defined, shown as - and 0 in the file: valence pcc" in err


def test_one_identity_has_no_interval_and_is_told_so(shown):
    out, err = shown(identities=1)
    assert {row[3] for row in cells(out)} == {"-"}
    assert "one identity: no interval" in err


def test_what_the_published_formulas_are_is_told(shown):
    assert "batches of 512" in shown(reference=True).err


def test_rates_of_eight_classes_have_intervals_within_80_columns(shown):
    out, _ = shown(classes=NAMES)
    assert max(map(len, out.splitlines())) <= 80
    assert [row[0] for row in cells(out)[:3]] == ["accuracy", "balanced accuracy", "macro F1"]
    assert all(" to " in row[2] for row in cells(out)[:3])


def test_metrics_and_ends_are_written_as_people_know_them():
    assert [label(name) for name in ("rmse", "ccc", "mae", "macro_f1")] == ["RMSE", "CCC", "MAE", "macro F1"]
    assert ends(-0.5, 0.25) == "-0.500 to 0.250"
    assert ends(None, None) is None


def comparison(**values):
    filled = {"a": "old", "b": "new", "dataset": "faces", "split": "val", "count": 9, "identities": 9}
    return Comparison(**filled, no_interval=None, resampling=Resampling(), changes=[], **values)


@pytest.mark.parametrize(
    ("metric", "low", "high", "said"),
    [
        ("ccc", 0.01, 0.19, "new is better, the difference is real"),
        ("rmse", 0.01, 0.19, "old is better, the difference is real"),
        ("ccc", -0.01, 0.21, "no difference is shown"),
        ("ccc", None, None, "no identity differs"),
    ],
)
def test_a_sentence_says_whether_a_difference_is_real(metric, low, high, said):
    text = sentence(comparison(), Change(metric, "mean", 0.5, 0.6, 0.1, low, high))
    assert said in text
    assert "new has 0.600, old has 0.500" in text
