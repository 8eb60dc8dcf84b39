"""`elimctl run` and `elimctl reproduce` on a tiny synthetic dataset."""

import json
from dataclasses import replace

import pytest

from elimctl import package_data, recipe
from elimctl.config import merge
from elimctl.errors import ConfigError
from elimctl.experiments import identity_shift, runs, shift_scores
from elimctl.experiments.driver import Driver, drive
from elimctl.train.loop import fit
from elimctl.workspace import Workspace

RECIPE = """# Two folds, two seeds, two steps.
extends = "elim/afew-va"

[run]
seeds = 2

[prepare]
folds = 2
detector.name = "annotation"
crop.size_px = 72

[model]
pretrained = false
image_px = 64
neck = "gap"

[train]
steps = 2
batch_size = 8
identities_per_batch = 4
lr_backbone = 1e-3

[[run.rows]]
source = "ELIM Table 2"
method = "ELIM"
backbone = "AL-tuned"
"""
NAMES = ["tiny-f0-s0", "tiny-f1-s0", "tiny-f0-s1", "tiny-f1-s1"]


@pytest.fixture(scope="module")
def recipes(tmp_path_factory):
    """A folder of recipes as packaged ones: the paper's, and a tiny one."""
    folder = tmp_path_factory.mktemp("pipelines")
    (folder / "elim").mkdir()
    (folder / "elim/afew-va.toml").write_text(recipe.path("elim/afew-va").read_text())
    (folder / "tiny.toml").write_text(RECIPE)
    return folder


@pytest.fixture
def packaged(recipes, monkeypatch):
    """These recipes in the place of those that come with elimctl."""
    folder = package_data.folder
    monkeypatch.setattr(package_data, "folder", lambda name: recipes if name == "pipelines" else folder(name))


@pytest.fixture(scope="module")
def finished(call, raw, recipes, tmp_path_factory):
    """A workspace in which the tiny recipe ran."""
    workspace = tmp_path_factory.mktemp("run")
    assert call("run", recipes / "tiny.toml", raw, "--workspace", workspace) == 0
    return workspace


def test_a_recipe_is_prepared_trained_and_scored_for_all_seeds_and_folds(finished):
    assert (finished / "data" / "afew-va" / "manifest.parquet").exists()
    assert sorted(folder.name for folder in (finished / "runs").iterdir()) == sorted(NAMES)
    held_out = set()
    for name in NAMES:
        record = json.loads((finished / "runs" / name / "result.json").read_text())
        stored = json.loads((finished / "runs" / name / "eval" / "val.json").read_text())
        assert record["scores"].items() <= stored.items()
        held_out.add((record["seed"], record["fold"], record["scores"]["count"]))
    assert {(seed, fold) for seed, fold, _ in held_out} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert sum(count for seed, _, count in held_out if seed == 0) == 48  # each frame once


def test_what_is_finished_is_not_done_again(call, finished, recipes, capsys):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()}
    assert call("run", recipes / "tiny.toml", "--json", "--workspace", finished) == 0
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()} == before
    found = json.loads(capsys.readouterr().out)
    assert [entry["run"] for entry in found["runs"]] == NAMES
    ccc = next(entry for entry in found["summary"] if entry["metric"] == "mean.ccc")
    by_seed = [
        sum(entry["scores"]["mean"]["ccc"] for entry in found["runs"] if entry["seed"] == seed) / 2
        for seed in (0, 1)
    ]
    assert ccc["mean"] == pytest.approx(sum(by_seed) / 2)
    assert ccc["spread"] == pytest.approx(abs(by_seed[0] - by_seed[1]) / 2**0.5)
    assert ccc["seeds"] == 2


def test_a_run_that_was_stopped_goes_on_to_the_same_result(call, raw, recipes, finished, tmp_path):
    from elimctl.experiments import jobs

    workspace = Workspace(tmp_path)
    quick = ["--set", "run.seeds=1", "--set", "train.checkpoint_every=1"]
    tables = recipe.read(str(recipes / "tiny.toml"), sets=quick[1::2])
    prepare = ["--recipe", recipes / "tiny.toml", "--workspace", tmp_path]
    assert call("prepare", "afew-va", raw, *prepare) == 0
    first, *_ = jobs.plan("tiny", tables, workspace.dataset("afew-va"))

    class StoppedError(Exception):
        pass

    def stop(session):
        next(fit(session))
        raise StoppedError

    with pytest.raises(StoppedError):
        runs.complete(workspace, first, stop)
    assert runs.result(workspace, first) is None
    assert call("run", recipes / "tiny.toml", *quick, "--workspace", tmp_path) == 0
    for name in NAMES[:2]:
        ours, theirs = (root / "runs" / name / "result.json" for root in (tmp_path, finished))
        assert json.loads(ours.read_text()) == json.loads(theirs.read_text())


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("method.samples_per_identity", "3", "method.samples_per_identity = 10, wanted 3"),
        ("train.clip_norm", "1", "train.clip_norm = no value, wanted 1.0"),  # None in the recipe
        ("method.tol", "0.1", "method.tol = no value, wanted 0.1"),
        ("train.max_identities", "4", "train.max_identities = no value, wanted 4"),
    ],
)
def test_a_run_of_other_settings_is_not_taken_for_the_recipes(
    call, finished, recipes, capsys, key, value, said
):
    assert call("run", recipes / "tiny.toml", "--set", f"{key}={value}", "--workspace", finished) == 1
    assert f"run tiny-f0-s0 has {said}" in capsys.readouterr().err


def test_a_run_of_a_changed_recipe_is_not_taken_for_that_of_the_recipe(
    call, packaged, recipes, finished, tmp_path, capsys
):
    (tmp_path / "data").symlink_to(finished / "data")
    quick = ["--set", "run.seeds=1", "--set", "train.patience=9", "--workspace", tmp_path]
    assert call("run", recipes / "tiny.toml", *quick) == 0
    capsys.readouterr()
    assert call("reproduce", "elim-2", "--no-run", "--json", "--workspace", tmp_path) == 0
    found = json.loads(capsys.readouterr().out)
    assert {line["ours"] for line in found["lines"]} == {None}
    assert found["missing"] == {}
    assert "run tiny-f0-s0 has train.patience = 9, wanted no value" in found["obstacles"]["tiny"]


def test_what_fails_is_told_and_the_other_recipes_are_run(
    call, recipes, packaged, finished, tmp_path, capsys
):
    (tmp_path / "data").symlink_to(finished / "data")
    greedy = recipes / "greedy.toml"  # one that the data do not allow, which nobody knows before it is run
    greedy.write_text(RECIPE.replace("steps = 2", "steps = 2\nmax_identities = 99"))
    try:
        assert call("reproduce", "elim-2", "--json", "--workspace", tmp_path) == 1
    finally:
        greedy.unlink()
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert list(found["obstacles"]) == ["greedy"]
    assert "99" in found["obstacles"]["greedy"]
    assert {line["seeds"] for line in found["lines"] if line["recipe"] == "tiny"} == {2}
    assert "1 of 2 recipes failed: greedy" in err


def test_without_the_dataset_a_recipe_asks_for_it(call, recipes, tmp_path, capsys):
    assert call("run", recipes / "tiny.toml", "--workspace", tmp_path) == 1
    assert "no prepared dataset" in capsys.readouterr().err


def test_a_table_sets_our_mean_beside_the_papers_number(call, packaged, finished, capsys):
    assert call("reproduce", "elim-2", "--no-run", "--json", "--workspace", finished) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["lines"]) == 8
    line = next(line for line in found["lines"] if line["metric"] == "CCC V")
    assert (line["paper"], line["seeds"], line["of"]) == ("0.602", 2, 2)
    values = [
        json.loads((finished / "runs" / name / "result.json").read_text())["scores"]["valence"]["ccc"]
        for name in NAMES
    ]
    assert line["ours"] == pytest.approx(sum(values) / 4)
    assert line["difference"] == pytest.approx(line["ours"] - 0.602)
    assert found["missing"] == {}
    assert "CAF [22] ResNet18" in found["not_implemented"]  # the tiny folder of recipes has none for it


def test_a_table_without_data_prints_the_papers_numbers_alone(call, tmp_path, capsys):
    assert call("reproduce", "elim-2", "--json", "--workspace", tmp_path) == 0
    found = json.loads(capsys.readouterr().out)
    assert {line["ours"] for line in found["lines"]} == {None}
    assert {line["difference"] for line in found["lines"]} == {None}
    assert set(found["missing"]) == {"afew-va"}
    assert not (tmp_path / "runs").exists()


def test_a_table_runs_what_the_prepared_data_allow(call, packaged, finished, tmp_path, capsys):
    (tmp_path / "data").symlink_to(finished / "data")
    assert call("reproduce", "elim-2", "--workspace", tmp_path) == 0
    assert "0.602" in capsys.readouterr().out
    assert sorted(folder.name for folder in (tmp_path / "runs").iterdir()) == sorted(NAMES)


def test_the_tables_are_listed_with_what_is_missing(call, tmp_path, capsys):
    assert call("reproduce", "--workspace", tmp_path) == 0
    out = capsys.readouterr().out
    for word in ("elim-1", "elim-a2", "dmue-2", "synthetic", "aff-wild2"):
        assert word in out


def test_a_table_that_does_not_exist_is_refused(call, tmp_path, capsys):
    assert call("reproduce", "elim-9", "--workspace", tmp_path) == 1
    assert "no table 'elim-9'; there are: elim-1" in capsys.readouterr().err


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    """The identity-shift benchmark at its smallest: two methods, two seeds, three steps."""
    workspace = Workspace(tmp_path_factory.mktemp("drawn"))
    small = ["synth.people=20", "synth.clips=40", "synth.frames=3", "prepare.workers=1"]
    short = ["train.steps=3", "train.batch_size=20", "train.eval_every=3", "run.seeds=2"]
    tables = recipe.read("synthetic", sets=[*small, *short, "model.neck=gap"])
    ready, skipped = identity_shift.available(tables, ["erm", "elim"])
    benchmark = identity_shift.Benchmark("synthetic", tables, (1.0,), ready, skipped)
    return workspace, benchmark, list(identity_shift.prepare(workspace, benchmark))


def test_the_benchmark_scores_identities_that_training_never_saw(benchmark):
    workspace, benchmark, actions = benchmark
    assert actions[0] == "drawing faces with identity shift 1"
    assert benchmark.skipped == {}
    assert list(identity_shift.prepare(workspace, benchmark)) == []  # once is enough
    other = replace(benchmark, tables=merge(benchmark.tables, {"synth": {"frames": 4}}))
    with pytest.raises(ConfigError, match=r"synth\.frames = 3, wanted 4"):
        list(identity_shift.prepare(workspace, other))
    everything = benchmark.all_jobs()
    assert [job.seed for job in everything] == [0, 0, 1, 1]
    assert shift_scores.report(workspace, benchmark).scores == []
    one = drive(workspace, everything[:1], Driver(complete=identity_shift.complete))
    assert [step.state for step in one] == ["begun", "finished"]
    left, steps = identity_shift.train(workspace, benchmark, workers=2)
    assert left == 3
    assert {(step.job.name, step.state) for step in steps} == {
        (job.name, "finished") for job in everything[1:]
    }
    assert all(identity_shift.is_done(workspace, job) for job in everything)
    found = shift_scores.report(workspace, benchmark)
    assert [(score.method, score.seeds) for score in found.scores] == [("erm", 2), ("elim", 2)]
    erm, elim = found.scores
    for score in found.scores:
        jobs = benchmark.jobs(1.0, score.method)
        stored = [runs.result(workspace, job)["scores"] for job in jobs]
        assert stored[0]["count"] == 5 * 2 * 3  # test identities, clips, frames
        # float64 sums in another order
        assert score.by_seed == pytest.approx([scores["mean"]["ccc"] for scores in stored], abs=1e-9)
        assert score.ccc.low <= score.ccc.estimate <= score.ccc.high
        assert score.invariance.probe_chance == pytest.approx(0.2)
    assert erm.gain is None
    assert elim.gain.estimate == pytest.approx(elim.ccc.estimate - erm.ccc.estimate)


def test_a_method_that_cannot_be_run_is_skipped_with_its_reason(monkeypatch):
    monkeypatch.setitem(identity_shift.METHODS, "elim-2030", {"name": "elim-2030"})
    ready, skipped = identity_shift.available(recipe.read("synthetic"), ["erm", "elim-2030"])
    assert list(ready) == ["erm"]
    assert "no method named 'elim-2030'" in skipped["elim-2030"]
    with pytest.raises(ConfigError, match="no method 'svm' in the benchmark"):
        identity_shift.available(recipe.read("synthetic"), ["svm"])
