"""`elimctl temporal` after `train`, on drawn clips."""

import json
import shutil

import pytest

from elimctl.train import temporal

from .conftest import TINY

HEAD = ["--set", "temporal.epochs=4", "--set", "temporal.hidden=8"]


@pytest.fixture(scope="module")
def _trained(call, _prepared, tmp_path_factory):
    workspace = tmp_path_factory.mktemp("trained") / "workspace"
    shutil.copytree(_prepared, workspace)
    quick = ["--steps", "6", "--batch-size", "16", "--set", "train.lr_backbone=1e-3"]
    assert call("train", *TINY, *quick, "--workspace", workspace) == 0
    return workspace


@pytest.fixture
def trained(_trained, tmp_path):
    """A workspace of the test's own, with a run of a few steps."""
    shutil.copytree(_trained, tmp_path / "workspace")
    return tmp_path / "workspace"


def test_a_head_is_trained_and_shown_beside_the_runs_own(trained, call, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    there = ["--run", "elim-al-1", "--workspace", trained]
    capsys.readouterr()
    assert call("temporal", *HEAD, *there) == 0
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 80
    for word in ("static", "alone", "temporal", "by time", "95 %", "8 frames", "CCC", "arousal"):
        assert word in out
    assert "head in" in err
    assert "no interval, at least 5 wanted" in err
    folder = trained / "runs" / "elim-al-1"
    head, record = temporal.load(folder / "temporal" / "head.safetensors")
    assert (head.centre.shape, record["settings"]["epochs"]) == ((64,), 4)
    assert call("eval", *there) == 0
    wanted, found = (
        json.loads((folder / file).read_text()) for file in ("eval/val.json", "temporal/val-static.json")
    )
    for axis in ("valence", "arousal", "mean"):
        # the run's own head gets the same features, from batches of another size
        assert found[axis] == pytest.approx(wanted[axis], abs=1e-4)


def written_at(folder):
    """When each file of features was written."""
    return {file: file.stat().st_mtime_ns for file in folder.glob("*/features/**/*")}


def test_again_it_takes_the_cached_features_and_writes_equal_bytes(trained, call, capsys):
    arguments = ["temporal", "--split", "all", *HEAD, "--set", "temporal.kind=conv", "--workspace", trained]
    assert call("features", "extract", "--model", "elim-al-1", "--workspace", trained) == 0
    cached = written_at(trained / "data")
    assert call(*arguments) == 0
    written = {file: file.read_bytes() for file in (trained / "runs").glob("*/temporal/*")}
    capsys.readouterr()
    assert call(*arguments, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert {file: file.read_bytes() for file in (trained / "runs").glob("*/temporal/*")} == written
    assert written_at(trained / "data") == cached
    stored = json.loads((trained / "runs" / "elim-al-1" / "temporal" / "all.json").read_text())
    assert shown["temporal"].items() <= stored.items()
    for change in shown["by_time"]["changes"]:
        place = (change["axis"], change["metric"])
        of = [shown[head][place[0]][place[1]] for head in ("alone", "temporal")]
        assert (change["a"], change["b"]) == pytest.approx(of, abs=1e-9), place
    assert len(shown["by_time"]["changes"]) == 15
    assert (shown["by_time"]["identities"], shown["by_time"]["no_interval"]) == (12, None)
    assert shown["temporal"]["count"] == shown["alone"]["count"] == shown["static"]["count"]
    assert not list(trained.rglob("*.tmp"))


def test_settings_come_from_a_recipe(trained, call, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[temporal]\nkind = 'conv'\nepochs = 2\nhidden = 4\n[eval]\nrmse = 'batch_mean'\n")
    assert call("temporal", "--recipe", recipe, "--set", "temporal.hidden=6", "--workspace", trained) == 0
    _, record = temporal.load(trained / "runs" / "elim-al-1" / "temporal" / "head.safetensors")
    chosen = record["settings"]
    assert (chosen["kind"], chosen["epochs"], chosen["hidden"]) == ("conv", 2, 6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--run", "gone"], "no run 'gone'"),
        (["--split", "test"], "no split 'test'"),
        (["--set", "temporal.window=1"], "temporal.window"),
        (["--set", "temporal.windows=8"], "unknown key temporal.windows"),
        (["--set", "temporal.kind=lstm"], "temporal.kind"),
        (["--device", "tpu"], "invalid device 'tpu'"),
        (["--set", "temporal.lr=10"], "temporal.lr"),
    ],
)
def test_bad_input_is_told_in_two_lines(trained, call, capsys, arguments, said):
    capsys.readouterr()
    assert call("temporal", *arguments, "--workspace", trained) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "hint"]
    assert not (trained / "runs" / "elim-al-1" / "temporal").exists()


def test_still_images_have_no_time(call, tmp_path, capsys):
    raw, small = tmp_path / "raw", ["--set", "synth.width_px=96", "--set", "synth.height_px=96"]
    there = ["--workspace", tmp_path]
    assert call("synth", "affectnet", raw, "--people", "8", "--clips", "8", "--frames", "2", *small) == 0
    assert call("prepare", "affectnet", raw, "--detector", "annotation", "--size", "72", *there) == 0
    quick = ["--method", "erm", "--steps", "1", "--batch-size", "4"]
    assert call("train", *TINY, *quick, *there) == 0
    capsys.readouterr()
    assert call("temporal", *there) == 1
    assert "so it has no time" in capsys.readouterr().err
