"""`elimctl features`."""

import json
import sys
from pathlib import Path

import pytest

from elimctl.cli import features
from elimctl.cli import main as cli
from elimctl.commands import features as stage

FOUND = stage.Extraction("arcface", "0" * 32, 12, 10, 512, True, Path("features/0.zarr"))


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """A function that runs a command in a workspace with a dataset: exit code, stdout, stderr."""
    (tmp_path / "data" / "one").mkdir(parents=True)
    (tmp_path / "data" / "one" / "manifest.parquet").touch()

    def call(*arguments):
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys, "argv", ["elimctl", "features", *arguments, "--workspace", str(tmp_path)])
        with pytest.raises(SystemExit) as leave:
            cli.main()
        return leave.value.code or 0, *capsys.readouterr()

    return call


@pytest.fixture
def asked(monkeypatch):
    """What the stage is asked for, in the place of doing it."""
    calls = []
    monkeypatch.setattr(stage, "face_model", lambda folder, kind, **knobs: (kind.name, folder.name, knobs))
    monkeypatch.setattr(stage, "run_model", lambda folder, **knobs: ("run", folder.name, knobs))
    monkeypatch.setattr(
        stage,
        "extract",
        lambda folder, model, *, batch_size, reserve, track: (
            calls.append((folder.name, model, batch_size)) or FOUND
        ),
    )
    return calls


def test_arcface_is_looked_for_in_the_folder_of_models(run, asked, tmp_path):
    code, out, err = run("extract", "--model", "arcface", "--models", str(tmp_path), "--batch-size", "7")
    assert code == 0
    assert asked == [("one", ("arcface", "one", {"models": tmp_path, "device": "auto"}), 7)]
    assert "computed" in out
    assert "features in features/0.zarr" in err


def test_any_other_name_is_a_run(run, asked, tmp_path):
    (tmp_path / "runs" / "elim-1").mkdir(parents=True)
    (tmp_path / "runs" / "elim-1" / "run.json").write_text("{}")
    code, out, _ = run("extract", "--model", "elim-1", "--device", "cpu", "--json")
    assert code == 0
    assert asked == [("one", ("run", "elim-1", {"device": "cpu"}), stage.BATCH)]
    assert json.loads(out)["computed"] is True
    code, _, err = run("extract", "--model", "elim-2")
    assert code == 1
    assert "no run 'elim-2'" in err


def test_a_model_must_be_named(run):
    code, _, err = run("extract")
    assert code == 2
    assert "--model" in err


def test_the_list_fits_80_columns_and_is_json_when_asked(run, monkeypatch):
    entry = {
        "key": "0" * 32,
        "model": "arcface",
        "rows": 414_799,
        "width": 512,
        "size_mb": 849.5,
        "current": True,
    }
    monkeypatch.setattr(stage, "listing", lambda folder: [entry])
    code, out, _ = run("list")
    assert code == 0
    assert "414,799" in out
    assert max(map(len, out.splitlines())) <= 80
    assert json.loads(run("list", "--json")[1]) == [entry]
    assert len(features.COLUMNS) == len(entry)
