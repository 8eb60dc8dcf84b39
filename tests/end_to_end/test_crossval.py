"""`elimctl crossval` on a tiny synthetic dataset."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from elimctl.train.loop import fit

from .conftest import TINY

QUICK = ["--steps", "2", "--batch-size", "16", "--set", "train.lr_backbone=1e-3", "--resamples", "100"]
FOLDS = ["--folds", "0,2"]


def settings(workspace):
    return [*TINY, *QUICK, *FOLDS, "--workspace", workspace]


@pytest.fixture(scope="module")
def finished(call, _prepared, tmp_path_factory):
    """A workspace in which two folds were held out in turn."""
    folder = tmp_path_factory.mktemp("crossval") / "workspace"
    shutil.copytree(_prepared, folder)
    assert call("crossval", *settings(folder)) == 0
    return folder


def record(workspace):
    return json.loads((workspace / "runs" / "elim-al-cv" / "crossval.json").read_text())


def test_every_fold_is_predicted_by_the_run_that_did_not_see_it(finished):
    assert {path.name for path in (finished / "runs").iterdir()} == {
        "elim-al-cv",
        "elim-al-cv-f0",
        "elim-al-cv-f2",
    }
    manifest = pq.read_table(finished / "data" / "afew-va" / "manifest.parquet").to_pydict()
    pooled = pq.read_table(finished / "runs" / "elim-al-cv" / "crossval.parquet")
    protocol = json.loads(pooled.schema.metadata[b"protocol"])
    rows = pooled["row"].to_pylist()
    assert len(rows) == len(set(rows)) == 16
    for source in protocol["pooled"]:
        own = rows[slice(*source["rows"])]
        assert {manifest["fold"][row] for row in own} == {source["fold"]}
        facts = json.loads((finished / "runs" / source["run"] / "run.json").read_text())
        assert facts["fold"] == source["fold"]
    assert [source["run"] for source in protocol["pooled"]] == ["elim-al-cv-f0", "elim-al-cv-f2"]


def test_scores_are_told_fold_by_fold_pooled_and_over_the_folds(finished):
    found = record(finished)
    parts = found["folds"]
    assert [part["fold"] for part in parts] == [0, 2]
    assert found["of"] == 6
    assert found["pooled"]["resampling"] == {"resamples": 100, "seed": 0}
    for part in parts:
        alone = json.loads((finished / "runs" / part["run"] / "eval" / "val.json").read_text())
        for axis in ("valence", "arousal", "mean"):
            assert part[axis] == pytest.approx(alone[axis])
    assert found["pooled"]["count"] == 16
    assert found["pooled"]["identities"] == 4
    assert found["pooled"]["split"] == "folds"
    values = [part["mean"]["rmse"] for part in parts]
    over = found["over_folds"]["mean"]["rmse"]
    assert over["mean"] == pytest.approx(np.mean(values))
    assert over["spread"] == pytest.approx(np.std(values, ddof=1))
    saved = pq.read_table(finished / "runs" / "elim-al-cv" / "crossval.parquet").to_pydict()
    error = np.subtract(saved["valence_pred"], saved["valence"])
    assert found["pooled"]["valence"]["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))


def test_actors_in_two_folds_are_told_of(call, finished, capsys):
    assert call("crossval", *settings(finished)) == 0
    told = capsys.readouterr()
    assert "LEAK: 4 actors are in two folds" in told.err
    assert record(finished)["leaks"][0]["kind"] == "actor"
    assert "pooled" in told.out
    assert "2 of 6 folds" in told.out
    assert "2 of 6 folds were held out" in told.err
    assert "scores are optimistic" in told.err


def test_folds_that_were_held_out_are_not_lost(call, finished, capsys):
    before = record(finished)
    arguments = [*TINY, *QUICK, "--workspace", finished]
    assert call("crossval", *arguments, "--folds", "0") == 1
    told = capsys.readouterr().err
    assert "elim-al-cv already holds out folds 0, 2; fold 2 would be missing from its scores" in told
    assert "--folds 0,2 (finished folds are kept)" in told
    assert call("crossval", *arguments, "--run", "elim-al-cv-f0") == 1
    assert "elim-al-cv-f0 is a run" in capsys.readouterr().err
    assert record(finished) == before


def test_what_is_finished_is_not_done_again(call, finished, capsys):
    runs = {path: path.stat().st_mtime_ns for path in finished.glob("runs/*-f?/**/*") if path.is_file()}
    before = record(finished)
    assert call("crossval", *settings(finished), "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == record(finished) == before
    assert "run elim-al-cv-f2 is already finished" in told.err
    assert {path: path.stat().st_mtime_ns for path in runs} == runs


def test_what_was_stopped_goes_on_to_the_same_result(call, finished, workspace, monkeypatch):
    from elimctl.cli import train

    class StoppedError(Exception):
        pass

    def stop(session, **_):
        if session.run.name.endswith("f2"):
            next(fit(session))
            raise StoppedError
        for _ in fit(session):
            pass

    once = ["--set", "train.checkpoint_every=1"]
    with monkeypatch.context() as patched:
        patched.setattr(train, "follow", stop)
        with pytest.raises(StoppedError):
            call("crossval", *settings(workspace), *once)
    assert not (workspace / "runs" / "elim-al-cv").exists()
    assert call("crossval", *settings(workspace), *once) == 0
    assert record(workspace)["pooled"] == record(finished)["pooled"]


def test_other_settings_are_not_mixed_with_finished_folds(call, finished, capsys):
    assert call("crossval", *settings(finished), "--set", "method.samples_per_identity=3") == 1
    told = capsys.readouterr().err
    assert "run elim-al-cv-f0 has method.samples_per_identity = 10, wanted 3" in told
    assert "choose another name" in told


def test_a_time_limit_stops_and_the_same_command_goes_on(call, workspace, capsys, monkeypatch):
    from elimctl.experiments.driver import Deadline

    monkeypatch.setattr(Deadline, "left_s", lambda _: 0.0)
    once = ["--set", "train.checkpoint_every=1"]
    assert call("crossval", *settings(workspace), *once, "--time-limit", "1s") == 0
    assert "stopped and saved at step 1" in capsys.readouterr().err
    assert not (workspace / "runs" / "elim-al-cv").exists()
    monkeypatch.undo()
    assert call("crossval", *settings(workspace), *once) == 0
    assert record(workspace)["pooled"]["count"] == 16


def test_a_dataset_that_was_prepared_anew_is_refused(call, finished, tmp_path, capsys):
    from elimctl.manifest import parquet

    folder = tmp_path / "workspace"
    shutil.copytree(finished, folder)
    data = folder / "data" / "afew-va"
    parquet.write(data / parquet.NAME, parquet.read(data), metadata={"anew": "yes"})
    assert call("crossval", *settings(folder)) == 1
    assert "the dataset of run elim-al-cv-f0 has changed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--folds", "0,9"], "no fold 9 in afew-va; there are folds 0 to 5"),
        (["--folds", "first"], "invalid --folds 'first'"),
        (["--folds", "0,"], "invalid --folds '0,'"),
        (["--time-limit", "soon"], "invalid --time-limit 'soon'"),
        (["--run", "../up"], "'../up' cannot be the name of a folder"),
    ],
)
def test_bad_arguments_are_refused(call, finished, capsys, arguments, message):
    assert call("crossval", *TINY, *QUICK, *arguments, "--workspace", finished) == 1
    assert message in capsys.readouterr().err


def test_one_of_several_processes_does_not_cross_validate(call, finished, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert call("crossval", *settings(finished)) == 1
    assert "start it once, with --nproc N" in capsys.readouterr().err


def test_a_page_shows_each_fold_and_all_together_and_how_to_make_them_again(call, finished, tmp_path):
    from elimctl.report.build import build
    from elimctl.workspace import Workspace

    folder = tmp_path / "workspace"
    shutil.copytree(finished, folder)
    assert call("report", "elim-al-cv", "--only", "va_plane", "--workspace", folder) == 0
    html = (folder / "runs" / "elim-al-cv" / "report.html").read_text()
    assert "16 samples of 4 identities (afew-va, 2 folds, each held out once)" in html
    assert "afew-va leaks" in html
    assert "elim-al-cv: 2 of 6 folds were held out" in html
    assert "so the scores are optimistic" in html
    assert "Analyses" not in html  # none can be asked for
    page = build(Workspace(folder), ["elim-al-cv"], only=["va_plane", "tsne", "training_curves"])
    pooled, by_fold = page.scores[0], page.scores[-1]
    ccc = record(finished)["pooled"]["mean"]["ccc"]
    assert float(pooled.rows[2][1].text.replace("\N{MINUS SIGN}", "-")) == pytest.approx(ccc, abs=6e-4)
    assert [row[0].text for row in by_fold.rows][:2] == ["fold 0", "fold 2"]
    assert [picture.name for picture in page.pictures] == ["va_plane"]
    assert {one.why for one in page.skipped} == {
        f"elim-al-cv has a {what} for each fold: name one of its runs instead" for what in ("network", "log")
    }
    again = page.reruns[0]
    (tmp_path / again.file).write_text(again.recipe)
    assert again.commands[-2].endswith(f"--recipe {again.file} --run elim-al-cv-again --folds 0,2")
    words = again.commands[-2].replace(again.file, str(tmp_path / again.file)).split()[1:]
    assert call(*words, "--workspace", folder) == 0
    found = json.loads((folder / "runs" / "elim-al-cv-again" / "crossval.json").read_text())
    for axis in ("valence", "arousal", "mean"):
        assert found["pooled"][axis] == record(finished)["pooled"][axis]


def test_figures_of_all_folds_are_those_of_predictions(call, finished, tmp_path, capsys):
    folder = tmp_path / "workspace"
    shutil.copytree(finished, folder)
    assert call("figures", "elim-al-cv", "--only", "error_map", "--workspace", folder) == 0
    assert (folder / "runs" / "elim-al-cv" / "figures" / "error_map.png").exists()
    assert call("figures", "elim-al-cv", "--split", "all", "--workspace", folder) == 1
    assert "which has predictions of held-out folds alone" in capsys.readouterr().err
    (folder / "runs" / "elim-al-cv" / "crossval.json").write_text('{"folds": []}')
    assert call("report", "elim-al-cv", "--workspace", folder) == 1
    assert "crossval.json is damaged" in capsys.readouterr().err


def test_folds_are_trained_in_several_processes(call, workspace, finished):
    arguments = [*TINY, *QUICK, "--folds", "0", "--workspace", workspace, "--nproc", "2"]
    assert call("crossval", *arguments) == 0
    found = record(workspace)
    assert found["folds"][0]["step"] == record(finished)["folds"][0]["step"]
    assert found["over_folds"]["mean"]["ccc"]["spread"] is None
