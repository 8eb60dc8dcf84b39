import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from elimctl.metrics.binning import Parts
from elimctl.metrics.calibration import calibration
from elimctl.metrics.invariance import measure_table
from elimctl.metrics.slices import slices
from elimctl.metrics.smoothing import smoothing
from elimctl.report.analyses import analyses

from .conftest import RESAMPLING


@pytest.fixture
def keep(workspace):
    """A function that keeps an analysis of a run, as `elimctl eval` does."""

    def write(subject, name, found, **protocol):
        path = workspace.runs / subject.name / "eval" / f"val.{name}.json"
        path.write_text(json.dumps({"protocol": {**subject.table.protocol, **protocol}, name: found}))
        return path

    return write


def sliced(subject, column="gender"):
    parts = Parts(np.arange(len(subject.table)) // 10 % 2, ("f", "m"))
    return {column: asdict(slices(subject.table, parts, column, RESAMPLING))}


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def test_without_saved_analyses_the_page_says_how_to_get_them(make_run, subject):
    found = analyses([subject(make_run())])
    assert found.tables == []
    [said] = found.notes
    assert said.endswith("elimctl eval --slice COLUMN, --calibration, --invariance, --smooth.")


def test_slices_have_a_row_each_and_their_gap_in_words(make_run, subject, keep):
    one = subject(make_run())
    keep(one, "slices", sliced(one))
    found = analyses([one])
    [table] = found.tables
    saved = sliced(one)["gender"]
    assert [row[:3] for row in texts(table)] == [["f", "40", "4"], ["m", "40", "4"]]
    assert texts(table)[0][3] == f"{saved['slices'][0]['scores']['mean']['ccc']:.3f}"
    gap = saved["gaps"]["mean"]["ccc"]
    assert f"Widest gap of CCC: {gap['gap']:.3f}" in table.notes[0]
    quoted = [f'"{gap[key]}"' for key in ("smallest", "largest")]
    assert f"Lowest: {quoted[0]}, highest: {quoted[1]}, of 2 slices" in table.notes[0]
    assert "--slice" not in found.notes[0]


def test_slices_of_classes_and_of_axes_are_two_tables(make_run, subject, keep):
    found = [subject(make_run()), subject(make_run("named", classes=("calm", "angry")))]
    for one in found:
        keep(one, "slices", sliced(one))
    tables = analyses(found).tables
    assert [table.name for table in tables] == ["slices-gender", "class-slices-gender"]
    assert [column.title for column in tables[1].columns][1:4] == ["run", "samples", "identities"]
    assert "Widest gap of accuracy" in tables[1].notes[0]


def test_slices_with_no_score_are_dashes(make_run, subject, keep):
    one = subject(make_run(valence=np.full(80, 0.1), arousal=np.full(80, 0.1)))
    keep(one, "slices", sliced(one))
    [table] = analyses([one]).tables
    assert "nan" not in str(texts(table))
    assert "No gap" in table.notes[0]


def test_a_column_without_any_value_has_no_gap_for_that_reason(make_run, subject, keep):
    one = subject(make_run())
    unknown = Parts(np.zeros(len(one.table), np.int64), ("unknown",))
    keep(one, "slices", {"gender": asdict(slices(one.table, unknown, "gender", RESAMPLING))})
    assert analyses([one]).tables[0].notes == ["No gap: no sample has a value."]


def test_smoothing_of_what_is_not_defined_is_a_dash(make_run, subject, keep):
    one = subject(make_run(valence=np.full(80, 0.1), valence_pred=np.full(80, 0.1)))
    names = tuple(f"{clip} of training" for clip in one.table.clips.names)
    training = replace(one.table, clips=replace(one.table.clips, names=names))
    # the same constant in labels and predictions: no CCC; float32 predictions are made equal to labels
    table = replace(one.table, preds=np.where([True, False], one.table.target, one.table.preds))
    keep(one, "smoothing", asdict(smoothing(table, training, RESAMPLING)))
    rows = {row[0]: row[2:] for row in texts(analyses([one]).tables[0])}
    assert rows["CCC valence"] == rows["CCC mean"] == ["\N{EN DASH}"] * 3
    assert "\N{EN DASH}" not in rows["RMSE valence"] + rows["CCC arousal"]


def test_calibration_invariance_and_smoothing_of_two_runs_stand_side_by_side(make_run, subject, keep):
    found = [subject(make_run("one")), subject(make_run("two", seed=1))]
    features = np.random.default_rng(0).normal(size=(80, 4))
    for one in found:
        reliable = calibration(one.table, RESAMPLING)
        keep(one, "calibration", {axis: asdict(value) for axis, value in reliable.items()})
        keep(one, "invariance", asdict(measure_table(lambda rows: features[rows], one.table)))
        names = tuple(f"{clip} of training" for clip in one.table.clips.names)
        training = replace(one.table, clips=replace(one.table.clips, names=names))
        keep(one, "smoothing", asdict(smoothing(one.table, training, RESAMPLING)))
    tables = {table.name: table for table in analyses(found).tables}
    assert list(tables) == ["calibration", "invariance", "smoothing"]
    assert [row[:2] for row in texts(tables["calibration"])][1:3] == [["arousal", "one"], ["valence", "two"]]
    assert len(tables["invariance"].rows) == 8
    first = texts(tables["smoothing"])[0]
    assert first[:2] == ["CCC valence", "one"]
    gain = float(first[4]) - float(first[3])
    assert float(first[5].replace("\N{MINUS SIGN}", "-")) == pytest.approx(gain, abs=0.0011)


def test_what_is_of_other_predictions_is_left_out(make_run, subject, keep):
    one = subject(make_run())
    keep(one, "slices", sliced(one), step=6)
    found = analyses([one])
    assert found.tables == []
    assert found.notes[0] == (
        "slices of one are of other predictions and left out; elimctl eval --run one --slice COLUMN computes "
        "them again."
    )
    assert "--slice" not in found.notes[1]  # it was asked for


@pytest.mark.parametrize("text", ["{", "[]", '{"protocol": {}}', '{"protocol": %s, "slices": {"a": {}}}'])
def test_a_damaged_file_is_named_and_the_others_are_shown(make_run, subject, keep, text):
    one = subject(make_run())
    reliable = calibration(one.table, RESAMPLING)
    keep(one, "calibration", {axis: asdict(value) for axis, value in reliable.items()})
    keep(one, "slices", {}).write_text(text.replace("%s", json.dumps(one.table.protocol)))
    found = analyses([one])
    assert [table.name for table in found.tables] == ["calibration"]
    [damaged] = found.damaged
    assert damaged.startswith("eval/val.slices.json of one is damaged")
    assert "elimctl eval --run one --slice COLUMN" in damaged
    assert "--slice" not in " ".join(found.notes)  # it was asked for


def test_a_run_without_an_analysis_that_another_has_is_named(make_run, subject, keep):
    found = [subject(make_run("one")), subject(make_run("two", seed=1))]
    keep(found[0], "slices", sliced(found[0]))
    assert analyses(found).notes[0] == "slices: not computed for two."
