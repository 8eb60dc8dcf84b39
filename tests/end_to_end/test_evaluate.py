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

    assert "10 of 12 identities were trained on" in told("--split", "all")
    assert "10 of 10 identities were trained on" in told("--split", "train")
    assert "were trained on" not in told()
    # the dataset `others` has identities of the same names, but who knows whether they are the same people
    assert "were trained on" not in told("--data", "others", "--split", "all")


def test_two_identities_have_no_interval(call, two, capsys):
    assert call("eval", "--run", "one", "--formula", "reference", *FEW, "--workspace", two) == 0
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
    assert "val.parquet do not say what they are of: no dataset" in refused("compare", "one", "two", *there)


def test_runs_that_do_not_exist_are_named_with_a_hint_that_compare_can_follow(call, two, capsys):
    assert call("compare", "one", "three", "--workspace", two) == 1
    error, hint = capsys.readouterr().err.strip().splitlines()
    assert "no run 'three'" in error
    assert hint == "hint: name two of these: elimctl compare RUN-A RUN-B"


def test_without_any_run_there_is_nothing_to_compare(call, tmp_path, capsys):
    assert call("compare", "one", "two", "--workspace", tmp_path) == 1
    assert "hint: run elimctl train first" in capsys.readouterr().err
