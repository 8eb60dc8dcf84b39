"""`elimctl eval` with slices, calibration, invariance and smoothing, on a tiny synthetic dataset."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elimctl.manifest import parquet

from .conftest import TINY

QUICK = ["--steps", "4", "--batch-size", "16", "--set", "train.lr_backbone=1e-3"]


@pytest.fixture(scope="module")
def trained(call, _prepared, tmp_path_factory):
    """A workspace with a run."""
    folder = tmp_path_factory.mktemp("analyses") / "workspace"
    shutil.copytree(_prepared, folder)
    assert call("train", *TINY, *QUICK, "--workspace", folder) == 0
    return folder


@pytest.fixture
def analysed(call, trained, capsys):
    """A function that evaluates with options, and returns what was printed as JSON."""

    def run(*options):
        assert call("eval", "--json", "--resamples", "100", *options, "--workspace", trained) == 0
        return json.loads(capsys.readouterr().out)

    return run


def stored(workspace, name, split="val"):
    return json.loads((workspace / "runs" / "elim-al-1" / "eval" / f"{split}.{name}.json").read_text())


def test_slices_of_a_column_add_up_to_the_split(analysed, trained):
    found = analysed("--split", "all", "--slice", "identity", "--slice", "score")
    assert list(found["slices"]) == ["identity", "score"]
    assert found == analysed("--split", "all") | {"slices": found["slices"]}
    for sliced in found["slices"].values():
        assert sum(part["count"] for part in sliced["slices"]) == found["count"] == 48
    assert len(found["slices"]["identity"]["slices"]) == 12
    kept = stored(trained, "slices", "all")
    assert kept["slices"] == found["slices"]
    assert kept["protocol"]["split"] == "all"


def test_slices_are_joined_by_the_row_of_the_manifest(call, trained, tmp_path, capsys):
    """A gender that follows from the number of the row."""
    folder = tmp_path / "workspace"
    shutil.copytree(trained, folder)
    data = folder / "data" / "afew-va"
    table = parquet.read(data)
    place = table.schema.get_field_index("gender")
    gender = pa.array(["even", "odd"] * 24, pa.string())
    parquet.write(
        data / parquet.NAME, table.set_column(place, table.schema.field(place), gender), metadata={}
    )
    options = ["--data", "afew-va", "--json", "--resamples", "100", "--slice", "gender"]
    assert call("eval", *options, "--workspace", folder) == 0
    even, odd = json.loads(capsys.readouterr().out)["slices"]["gender"]["slices"]
    # the manifest is another one than that of training, and so is the name of the file
    saved = pq.read_table(folder / "runs" / "elim-al-1" / "eval" / "val-afew-va.parquet").to_pydict()
    own = np.array(saved["row"]) % 2 == 0
    error = np.abs(np.array(saved["valence"]) - np.array(saved["valence_pred"]))
    assert even["scores"]["valence"]["mae"] == pytest.approx(error[own].mean())
    assert odd["scores"]["valence"]["mae"] == pytest.approx(error[~own].mean())


def test_an_unknown_column_is_refused_before_anything_is_predicted(call, trained, capsys):
    (trained / "runs" / "elim-al-1" / "eval" / "val.json").unlink(missing_ok=True)
    assert call("eval", "--slice", "gendre", "--workspace", trained) == 1
    told = capsys.readouterr()
    assert "no column 'gendre' in the manifest; available: row, path" in told.err
    assert "hint: write gender" in told.err
    assert not (trained / "runs" / "elim-al-1" / "eval" / "val.json").exists()


def test_a_column_of_lists_is_refused_and_the_others_are_told_and_kept(call, trained, capsys):
    options = ["--slice", "points", "--slice", "score", "--calibration", "--resamples", "100"]
    assert call("eval", *options, "--workspace", trained) == 1
    told = capsys.readouterr()
    assert told.err.splitlines()[-2].startswith("error: column points holds lists")
    assert "by score" in told.out
    assert "calibration of valence" in told.out
    assert list(stored(trained, "slices")["slices"]) == ["score"]
    assert call("eval", "--json", *options, "--workspace", trained) == 1
    found = json.loads(capsys.readouterr().out)
    assert list(found["slices"]) == ["score"]
    assert found["count"] == 8


def test_signs_of_slices_are_compared_as_those_of_the_split(analysed):
    """Labels of AFEW-VA are tenths, and 0 is one of them."""
    options = ["--split", "all", "--slice", "split", "--set", "eval.sagr_zero=skip"]
    found = analysed(*options, "--set", "eval.moments=reference")
    [whole] = found["slices"]["split"]["slices"]
    for axis in ("valence", "arousal"):
        assert whole["scores"][axis]["sagr"] == pytest.approx(found[axis]["sagr"])
    assert "moments population, not reference" in found["slices"]["split"]["remark"]


def test_calibration_and_invariance_are_told_and_kept(analysed, trained):
    found = analysed("--split", "all", "--calibration", "--invariance")
    assert [part["count"] for part in found["calibration"]["valence"]["bins"]] == [24, 24]
    left = found["invariance"]
    assert left["across"] == "halves of clips"  # identities are clips here
    assert (left["samples"], left["identities"]) == (48, 12)
    assert left["spread"]["between"]["mean"] > 0
    assert stored(trained, "calibration", "all")["calibration"] == found["calibration"]
    assert stored(trained, "invariance", "all")["invariance"] == left


def test_features_are_taken_from_the_cache(analysed, trained, monkeypatch):
    from elimctl.commands import features

    analysed("--split", "all", "--invariance")
    monkeypatch.setattr(features, "_encoder", None)  # it would fail
    assert analysed("--split", "val", "--invariance")["invariance"]["samples"] == 8


def test_smoothing_takes_its_window_from_training_clips(analysed, trained):
    found = analysed("--split", "val", "--smooth")["smoothing"]
    assert found["window"] in [one["window"] for one in found["candidates"]]
    assert (found["runs"], found["longest"]) == (2, 4)
    train = trained / "runs" / "elim-al-1" / "eval" / "train.parquet"
    written = train.stat().st_mtime_ns
    assert len(pq.read_table(train)) == 40
    analysed("--split", "val", "--smooth")
    assert train.stat().st_mtime_ns == written  # of the same checkpoint: taken as they are


@pytest.mark.parametrize("split", ["train", "all"])
def test_clips_that_were_trained_on_are_not_smoothed(call, trained, capsys, split):
    assert call("eval", "--split", split, "--smooth", "--workspace", trained) == 1
    assert f"10 of the {10 if split == 'train' else 12} clips of split '{split}'" in capsys.readouterr().err


def test_the_tables_fit_a_terminal(call, trained, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    options = ["--slice", "identity", "--slice", "score", "--calibration", "--invariance"]
    assert call("eval", "--split", "all", *options, "--resamples", "100", "--workspace", trained) == 0
    told = capsys.readouterr()
    titles = ("by identity", "by score", "calibration of valence", "identity in features")
    assert all(title in told.out for title in titles)
    assert "No gap" in told.err
    # scores, identities, the one score, both axes' bins, features, spread: what is too wide is folded
    rows = [line for line in told.out.splitlines() if "│" in line]
    assert len(rows) == 15 + 12 + 1 + 2 + 2 + 3 + 3
    assert sum("┃" in line for line in told.out.splitlines()) == 7


def test_smoothing_is_told(call, trained, capsys):
    assert call("eval", "--smooth", "--resamples", "100", "--workspace", trained) == 0
    told = capsys.readouterr()
    assert ("moving average over" in told.out) != ("no smoothing: no window improves" in told.err)
