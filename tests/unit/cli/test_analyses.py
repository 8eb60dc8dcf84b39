"""Tables of classes and of many slices; the end-to-end tests show those of valence and arousal."""

import pytest

from elimctl.cli import analyses
from elimctl.commands.analyses import Analyses
from elimctl.errors import ConfigError, DataError
from elimctl.metrics.calibration import Bin, Reliability
from elimctl.metrics.detail import Resampling
from elimctl.metrics.invariance import Invariance, Measured
from elimctl.metrics.slices import Gap, Slice, Slices
from elimctl.metrics.smoothing import Candidate, Smoothing, Stage

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
    return Slices("gender", parts, [part.name for part in parts], gaps, Resampling(), {}, None)


def sliced_axes(names, *, count=1234, identities=56, remark=None):
    """Slices with scores as wide as scores become."""
    metrics = dict.fromkeys(("rmse", "sagr", "pcc", "ccc", "mae"), -0.236)
    axes = ("valence", "arousal", "mean")
    parts = [
        Slice(
            name=name,
            count=count,
            identities=identities,
            scores=dict.fromkeys(axes, metrics),
            undefined=[],
            intervals={axis: {key: [-0.336, -0.131] for key in metrics} for axis in axes},
        )
        for name in names
    ]
    gaps = dict.fromkeys(axes, dict.fromkeys(metrics))
    return Slices("score", parts, [], gaps, Resampling(), {}, remark)


def lines(out):
    """Lines of headers, and of rows."""
    return [[line for line in out.splitlines() if mark in line] for mark in ("┃", "│")]


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_slices_of_classes_show_their_rates_and_the_gap(capsys):
    analyses.show(Analyses(slices={"gender": sliced([0.5, 0.7])}))
    told = capsys.readouterr()
    assert "balanced" in told.out
    assert "0.600 to 0.800" in told.out
    assert "by gender: Widest gap of accuracy: 0.200 (95 % interval -0.050 to 0.450, " in told.err
    assert 'Lowest: "s00", highest: "s01", of 2 slices' in told.err


def test_each_slice_takes_one_line_of_80_columns(capsys):
    names = ["0.787 to 0.867", "0.867 to 0.943", "unknown"]
    analyses.show(Analyses(slices={"score": sliced_axes(names)}))
    told = capsys.readouterr()
    header, rows = lines(told.out)
    assert len(header) == 1
    assert [row[1:].split("│")[0].strip() for row in rows] == names
    assert all("-0.336 to -0.131" in row for row in rows)
    assert "arousal" in header[0]
    assert "for lack of room" not in told.err


def test_of_wide_slices_less_is_shown_and_still_each_takes_one_line(capsys):
    names = [f"a rather long folder of a dataset/of clips/{number:03d}.mp4" for number in range(3)]
    analyses.show(Analyses(slices={"clip": sliced_axes(names, count=123_456, identities=12_345)}))
    told = capsys.readouterr()
    header, rows = lines(told.out)
    assert (len(header), len(rows)) == (1, 3)
    assert all(f"/{number:03d}.mp4 " in row for number, row in enumerate(rows))
    assert all("-0.336 to -0.131" in row for row in rows)
    assert "arousal" not in header[0]
    assert "the terminal is too narrow for all columns; the file has them" in told.err


def test_slices_in_other_forms_than_the_split_say_so(capsys):
    analyses.show(Analyses(slices={"score": sliced_axes(["0", "1"], remark="in other forms")}))
    assert "in other forms\n" in capsys.readouterr().err


def test_a_column_without_any_value_has_no_gap_for_that_reason(capsys):
    analyses.show(Analyses(slices={"score": sliced_axes(["unknown"])}))
    assert "No gap: no sample has a value" in capsys.readouterr().err
    analyses.show(Analyses(slices={"score": sliced_axes(["a", "unknown"])}))
    assert "No gap: fewer than two slices" in capsys.readouterr().err


def smoothed(window):
    axes, metrics = ("valence", "arousal", "mean"), ("rmse", "pcc")
    lacking = ["arousal.pcc", "mean.pcc"]
    stage = Stage(
        {axis: dict.fromkeys(metrics, -0.5) for axis in axes},
        {
            axis: {key: [-0.75, -0.25] for key in metrics} | ({"pcc": None} if axis != "valence" else {})
            for axis in axes
        },
        lacking,
    )
    tried = [Candidate(1, 0.5), Candidate(3, 0.6)]
    return Smoothing(window, 1, tried, 4, 9, stage, stage, stage, {}, "in other forms")


def test_smoothing_goes_metric_by_metric_with_dashes_for_what_is_not_defined(capsys):
    analyses.show(Analyses(smoothing=smoothed(3)))
    told = capsys.readouterr()
    header, rows = lines(told.out)
    assert (len(header), len(rows)) == (1, 6)
    cells = [[cell.strip() for cell in row.split("│")[1:-1]] for row in rows]
    assert [row[0] for row in cells] == ["RMSE"] * 3 + ["PCC"] * 3
    assert [row[1] for row in cells[:3]] == ["valence", "arousal", "mean"]
    assert cells[3][2:] == ["-0.500"] * 3 + ["-0.750 to -0.250"]
    assert cells[4][2:] == cells[5][2:] == ["-"] * 4
    assert "in other forms\n" in told.err


def test_where_no_window_is_better_there_is_no_table(capsys):
    analyses.show(Analyses(smoothing=smoothed(1)))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "no smoothing: no window improves the CCC of the training clips (by window: 1: 0.500, 3: 0.600)\n"
    )


def test_the_end_is_an_error_where_something_could_not_be_told(capsys):
    analyses.end(Analyses())
    first, last = ConfigError("no slices", hint="choose another"), DataError("no identities", hint="prepare")
    with pytest.raises(DataError, match="no identities"):
        analyses.end(Analyses(failed=(first, last)))
    assert capsys.readouterr().err == "error: no slices\nhint: choose another\n"


def test_of_many_slices_the_lowest_and_the_highest_are_shown(capsys):
    analyses.show(Analyses(slices={"identity": sliced([number / 100 for number in range(30)])}))
    told = capsys.readouterr()
    assert "s09" in told.out
    assert "s20" in told.out
    assert "s10" not in told.out
    assert "s19" not in told.out
    assert "10 lowest and 10 highest of 30" in told.err


def test_constant_predictions_have_a_reliability_without_a_slope(capsys):
    one = Bin(low=0.1, high=0.1, predicted=0.1, true=-0.2, count=30, identities=3)
    found = Reliability(
        error=0.3, slope=None, slope_interval=None, intercept=-0.2, intercept_interval=None, bins=[one]
    )
    analyses.show(Analyses(calibration={"valence": found}))
    told = capsys.readouterr()
    assert "-0.300" in told.out
    assert "expected calibration error 0.300" in told.err
    assert told.err.endswith("; no line, because predictions are constant\n")


def test_the_invariance_of_classes_has_no_spread(capsys):
    left = Invariance(probe=0.4, probe_chance=0.1, neighbours=0.2, neighbours_chance=0.05)
    found = Measured(60, 10, "clips", left, 0.3, 0.08, None)
    analyses.show(Analyses(invariance=found))
    told = capsys.readouterr().out
    assert "linear probe for the identity, across clips" in told
    assert "standard deviation" not in told
