"""`elimctl eval` and `elimctl compare` on two small runs, and what they refuse."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import TINY

FEW = ["--resamples", "200"]


@pytest.fixture(scope="module")
def two(call, raw, tmp_path_factory):
    """A workspace with two runs on one dataset, and one on another."""
    workspace = tmp_path_factory.mktemp("two")
    there = ["--workspace", workspace]
    for name in ("faces", "others"):
        crops = ["--detector", "annotation", "--size", "72", "--name", name]
        assert call("prepare", "afew-va", raw, *crops, "--set", f"prepare.seed={len(name)}", *there) == 0
    quick = [*TINY, "--steps", "2", "--batch-size", "8", "--method", "erm", "--set", "train.lr_backbone=1e-3"]
    for name, data, seed in (("one", "faces", 0), ("two", "faces", 1), ("other", "others", 0)):
        arguments = ["--data", data, "--run", name, "--set", f"train.seed={seed}"]
        assert call("train", *quick, *arguments, *there) == 0
    return workspace


@pytest.fixture
def workspace(two, tmp_path):
    """A copy of it, of the test's own."""
    folder = tmp_path / "workspace"
    shutil.copytree(two, folder)
    return folder


def test_intervals_are_over_the_identities_of_the_split(call, two, capsys):
    assert call("eval", "--run", "one", "--split", "all", *FEW, "--json", "--workspace", two) == 0
    found = json.loads(capsys.readouterr().out)
    stored = json.loads((two / "runs" / "one" / "eval" / "all.json").read_text())
    assert found == stored | {"trained_on_identities": 10}
    assert (found["identities"], found["count"]) == (12, 48)  # an identity of AFEW-VA is a clip
    assert found["effective_identities"] == pytest.approx(12)  # of four frames each
    assert found["resampling"] == {"resamples": 200, "seed": 0}
    low, high = found["intervals"]["mean"]["rmse"]
    assert low < found["mean"]["rmse"] < high


def test_identities_that_were_trained_on_are_told_of(call, two, capsys):
    def told(*arguments):
        assert call("eval", "--run", "one", *arguments, *FEW, "--workspace", two) == 0
        return capsys.readouterr().err

    assert "10 of 12 identities were in the training data" in told("--split", "all")
    assert "10 of 10 identities were in the training data" in told("--split", "train")
    assert "in the training data" not in told()
    # the dataset `others` has identities of the same names, but who knows whether they are the same people
    assert "in the training data" not in told("--data", "others", "--split", "all")


def test_two_identities_have_no_interval(call, two, capsys):
    assert call("eval", "--run", "one", "--public-code", *FEW, "--workspace", two) == 0
    out, err = capsys.readouterr()
    assert "2 identities: no interval, at least 5 wanted" in err
    assert "nan" not in out.lower()
    assert "reference" in out


def test_two_runs_are_compared_on_predictions_that_are_made_where_they_are_missing(call, workspace, capsys):
    arguments = ["one", "two", "--split", "all", *FEW, "--workspace", workspace]
    assert call("compare", *arguments, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    files = [workspace / "runs" / name / "eval" / "all.parquet" for name in ("one", "two")]
    before = [file.stat().st_mtime_ns for file in files]
    assert call("compare", *arguments) == 0
    assert [file.stat().st_mtime_ns for file in files] == before  # saved ones are used
    out, err = capsys.readouterr()
    assert sum("│" in line for line in out.splitlines()) == 15  # a line for each score
    assert "CCC: two has" in err
    changes = {(change["metric"], change["axis"]): change for change in found["changes"]}
    change = changes["rmse", "mean"]
    assert change["difference"] == pytest.approx(change["b"] - change["a"])
    assert change["real"] == (change["low"] > 0 or change["high"] < 0)


def test_a_run_that_was_renamed_is_called_by_its_new_name(call, workspace, capsys):
    there = ["--split", "all", *FEW, "--workspace", workspace]
    assert call("compare", "one", "two", *there) == 0
    (workspace / "runs" / "one").rename(workspace / "runs" / "uno")
    shutil.copytree(workspace / "runs" / "uno", workspace / "runs" / "one more")
    capsys.readouterr()
    assert call("compare", "uno", "one more", *there) == 0
    out, err = capsys.readouterr()
    assert "a: uno, b: one more" in out
    assert "CCC: one more has" in err


def test_predictions_of_an_earlier_checkpoint_are_made_anew(call, workspace):
    there = ["--workspace", workspace]
    assert call("eval", "--run", "one", *FEW, *there) == 0
    file = workspace / "runs" / "one" / "eval" / "val.parquet"
    table = pq.read_table(file)
    facts = json.loads(table.schema.metadata[b"protocol"])
    step = facts["step"]
    pq.write_table(table.replace_schema_metadata({"protocol": json.dumps(facts | {"step": step - 1})}), file)
    assert call("compare", "one", "two", *FEW, *there) == 0
    assert json.loads(pq.read_schema(file).metadata[b"protocol"])["step"] == step


@pytest.fixture
def refused(refused):
    """Call a command that must be refused; returns its error alone."""
    return lambda *arguments: refused(*arguments).partition("\n")[0]


def test_runs_on_other_datasets_are_not_compared(refused, two):
    assert "dataset faces against others" in refused("compare", "one", "other", *FEW, "--workspace", two)


def test_a_run_without_checkpoint_is_not_scored(refused, workspace):
    shutil.rmtree(workspace / "runs" / "one" / "checkpoints")
    assert "no checkpoint" in refused("eval", "--run", "one", "--workspace", workspace)
    assert "no checkpoint" in refused("compare", "one", "two", "--workspace", workspace)


def test_a_damaged_file_and_predictions_that_are_not_finite_are_named(refused, call, workspace):
    there = ["--workspace", workspace]
    assert call("eval", "--run", "one", *FEW, *there) == 0
    file = workspace / "runs" / "one" / "eval" / "val.parquet"
    table, whole = pq.read_table(file), file.read_bytes()
    file.write_bytes(whole[:200])
    assert "val.parquet is damaged" in refused("compare", "one", "two", *there)
    place = table.schema.get_field_index("valence_pred")
    spoilt = [float("nan"), *table["valence_pred"].to_pylist()[1:]]
    spoilt = pa.array(spoilt, pa.float32())
    pq.write_table(table.set_column(place, table.schema.field(place), spoilt), file)
    row = table["row"][0].as_py()
    assert f"are not finite, at manifest rows {row}" in refused("compare", "one", "two", *there)


def test_predictions_that_do_not_say_their_dataset_are_refused(refused, call, workspace):
    there = ["--workspace", workspace]
    assert call("eval", "--run", "one", *FEW, *there) == 0
    file = workspace / "runs" / "one" / "eval" / "val.parquet"
    table = pq.read_table(file)
    facts = json.loads(table.schema.metadata[b"protocol"])
    facts.pop("dataset")
    pq.write_table(table.replace_schema_metadata({"protocol": json.dumps(facts)}), file)
    assert "val.parquet have no record of: dataset" in refused("compare", "one", "two", *there)


def test_runs_that_do_not_exist_are_named_with_a_hint_that_compare_can_follow(call, two, capsys):
    assert call("compare", "one", "three", "--workspace", two) == 1
    error, hint = capsys.readouterr().err.strip().splitlines()
    assert "no run 'three'" in error
    assert hint == "hint: compare two existing runs: elimctl compare RUN-A RUN-B"


def test_without_any_run_there_is_nothing_to_compare(call, tmp_path, capsys):
    assert call("compare", "one", "two", "--workspace", tmp_path) == 1
    assert "hint: run elimctl train first" in capsys.readouterr().err


def protocol_of(workspace, stem):
    file = workspace / "runs" / "one" / "eval" / f"{stem}.parquet"
    return json.loads(pq.read_schema(file).metadata[b"protocol"])


def test_each_fold_and_dataset_has_files_of_its_own(call, workspace, capsys):
    there = ["--run", "one", *FEW, "--workspace", workspace]
    shutil.copytree(workspace / "data" / "others", workspace / "data" / "fold3")
    for more in (
        [],
        ["--fold", 3],
        ["--data", "others"],
        ["--data", "others", "--fold", 3],
        ["--data", "fold3"],
    ):
        assert call("eval", *there, *more) == 0
    found = {
        stem: tuple(protocol_of(workspace, stem)[key] for key in ("dataset", "fold"))
        for stem in ("val", "val-fold3", "val-others", "val-others-fold3", "val-fold3-fold0")
    }
    assert found == {
        "val": ("faces", 0),
        "val-fold3": ("faces", 3),
        "val-others": ("others", 0),
        "val-others-fold3": ("others", 3),
        "val-fold3-fold0": ("fold3", 0),
    }
    assert "one on others, val, fold 3" in capsys.readouterr().out


def test_where_the_fold_does_not_count_there_is_one_file(call, workspace, capsys):
    assert call("eval", "--run", "one", "--split", "all", "--fold", 3, *FEW, "--workspace", workspace) == 0
    assert protocol_of(workspace, "all")["fold"] is None
    assert not (workspace / "runs" / "one" / "eval" / "all-fold3.parquet").exists()
    assert "--fold has no effect" in capsys.readouterr().err


def test_the_own_dataset_that_was_prepared_anew_has_files_of_its_own(call, raw, workspace):
    there = ["--run", "one", *FEW, "--workspace", workspace]
    assert call("eval", *there) == 0
    before = protocol_of(workspace, "val")
    again = ["--detector", "annotation", "--size", "96", "--name", "faces", "--workspace", workspace]
    assert call("prepare", "afew-va", raw, *again) == 0
    assert call("eval", *there, "--data", "faces") == 0
    assert protocol_of(workspace, "val") == before
    assert protocol_of(workspace, "val-faces")["manifest"] != before["manifest"]


def test_predictions_of_another_fold_are_never_taken_for_the_held_out_one(call, workspace, capsys):
    there = ["--workspace", workspace]
    assert call("eval", "--run", "one", "--fold", 3, *FEW, *there) == 0
    folder = workspace / "runs" / "one" / "eval"
    # as another program, or an earlier version, may have left it
    shutil.copy(folder / "val-fold3.parquet", folder / "val.parquet")
    capsys.readouterr()
    assert call("figures", "one", "--only", "va_plane", *there) == 1
    assert "val.parquet is of split 'val', fold 3 of faces" in capsys.readouterr().err
    assert call("compare", "one", "two", *FEW, *there) == 0  # it predicts anew
    assert protocol_of(workspace, "val")["fold"] == 0
    assert "trained on" not in capsys.readouterr().err


def test_runs_that_held_out_other_folds_are_not_compared(call, refused, workspace):
    quick = [*TINY, "--steps", "2", "--batch-size", "8", "--method", "erm", "--data", "faces"]
    assert call("train", *quick, "--fold", 3, "--run", "three", "--workspace", workspace) == 0
    assert "fold 0 against 3" in refused("compare", "one", "three", *FEW, "--workspace", workspace)


def test_compare_says_how_many_samples_a_run_was_trained_on(call, workspace, capsys):
    assert call("compare", "one", "two", "--split", "all", *FEW, "--workspace", workspace) == 0
    said = capsys.readouterr().err
    assert said.count("was trained on 40 of these 48 samples") == 2
    assert call("compare", "one", "two", *FEW, "--json", "--workspace", workspace) == 0
    assert json.loads(capsys.readouterr().out)["remarks"] == []


def test_the_same_dataset_under_another_name_was_trained_on(call, workspace, capsys):
    shutil.copytree(workspace / "data" / "faces", workspace / "data" / "copy")
    arguments = ["--run", "one", "--data", "copy", "--fold", 3, *FEW, "--workspace", workspace]
    assert call("eval", *arguments) == 0
    assert "2 of 2 identities were in the training data" in capsys.readouterr().err


def test_scores_say_in_which_forms_they_are(call, workspace):
    there = ["--run", "one", *FEW, "--workspace", workspace]
    assert call("eval", *there, "--set", "eval.rmse=batch_mean") == 0
    forms = json.loads((workspace / "runs/one/eval/val.json").read_text())["forms"]
    assert forms == {"rmse": "batch_mean", "sagr_zero": "equal", "moments": "population"}
