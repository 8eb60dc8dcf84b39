"""How a comparison of two runs is told: a line each within 80 columns, dashes where nothing can be said."""

import json

import pytest

from elimctl.cli.compare import compare, sentence
from elimctl.metrics.compare import Change, Comparison
from elimctl.metrics.detail import Resampling

MADE = {"a": "old", "b": "new", "dataset": "faces", "split": "val", "count": 9, "identities": 9}


def comparison(*changes, no_interval=None):
    return Comparison(**MADE, no_interval=no_interval, resampling=Resampling(), changes=list(changes))


def change(low, high, *, metric="ccc", a=0.5, b=0.6, apart=0.1, undefined=()):
    return Change(metric, "mean", a, b, apart, low, high, undefined)


@pytest.fixture
def told(capsys, monkeypatch, tmp_path):
    """A function that tells of a comparison, and returns the rows of its table and what stderr says."""

    def tell(found, **knobs):
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr("elimctl.commands.compare.compare_runs", lambda *_, **__: found)
        compare("old", "new", workspace=tmp_path, **knobs)
        out, err = capsys.readouterr()
        if knobs:
            return json.loads(out)
        rows = [line for line in out.splitlines() if "│" in line]
        return [[cell.strip() for cell in row.split("│")[1:-1]] for row in rows], err

    return tell


@pytest.mark.parametrize(
    ("metric", "low", "high", "said"),
    [
        ("ccc", 0.01, 0.19, "new is better, the difference is real"),
        ("rmse", 0.01, 0.19, "old is better, the difference is real"),
        ("ccc", -0.01, 0.21, "no difference is shown"),
        ("ccc", None, None, "the difference is the same in every identity, so it has no interval"),
    ],
)
def test_a_sentence_says_whether_a_difference_is_real(metric, low, high, said):
    text = sentence(comparison(), change(low, high, metric=metric))
    assert said in text
    assert "new has 0.600, old has 0.500" in text
    assert "no identity differs" not in text


def test_no_identity_differs_where_there_is_no_difference():
    text = sentence(comparison(), change(None, None, b=0.5, apart=0.0))
    assert text == "CCC: new has 0.500, old has 0.500; no identity differs"


@pytest.mark.parametrize(
    ("undefined", "who"), [(("b",), "new"), (("a",), "old"), (("a", "b"), "old and new")]
)
def test_what_is_not_defined_is_no_score(told, undefined, who):
    one = change(None, None, metric="pcc", a=0.065, b=0.0, apart=0.0, undefined=undefined)
    rows, said = told(comparison(one))
    a, b = ("-" if run in undefined else text for run, text in (("a", "0.065"), ("b", "0.000")))
    assert rows == [["PCC", "mean", a, b, "-", "-", "-"]]
    assert said == f"PCC: not defined for {who} (predictions or labels are constant)\n"
    [kept] = told(comparison(one), as_json=True)["changes"]
    assert kept["undefined"] == list(undefined)
    assert kept["real"] is False


def test_what_has_no_interval_is_not_told_to_be_chance(told):
    rows, _ = told(comparison(change(None, None), no_interval="one identity: no interval"))
    assert rows[0][-2:] == ["-", "-"]


def test_every_score_takes_one_line_of_80_columns(told):
    wide = [change(-0.336, -0.131, metric=name, a=-0.123, b=-0.456, apart=-0.333) for name in ("ccc", "rmse")]
    rates = [Change(rate, None, 0.5, 0.4, -0.1, -0.336, -0.131) for rate in ("balanced_accuracy", "macro_f1")]
    for changes in (wide, rates):
        rows, _ = told(comparison(*changes))
        assert len(rows) == 2
        assert {row[5] for row in rows} == {"-0.336 to -0.131"}
