"""A small prepared dataset of drawn faces, and the command line called in this process."""

import shutil
import sys

import pytest

from elimctl.cli.main import main

# 6 people, 12 clips, 4 frames each: a fold of two clips, and a network that trains in milliseconds
SYNTHETIC = ["--people", "6", "--clips", "12", "--frames", "4", "--set", "synth.width_px=240"]
TINY = ["--set", "model.image_px=64", "--set", "model.neck=gap", "--set", "train.identities_per_batch=4"]


@pytest.fixture(scope="session")
def call(request):
    """Call `elimctl ARGUMENTS`; returns exit code, and stdout and stderr are the caller's to capture."""

    def call_main(*arguments):
        before = sys.argv
        sys.argv = ["elimctl", *map(str, arguments)]
        try:
            main()
        except SystemExit as leave:
            return leave.code or 0
        finally:
            sys.argv = before
        return 0

    return call_main


@pytest.fixture(scope="session")
def raw(call, tmp_path_factory):
    """A raw AFEW-VA of drawn faces."""
    folder = tmp_path_factory.mktemp("raw") / "afew-va"
    assert call("synth", "afew-va", folder, *SYNTHETIC, "--set", "synth.height_px=192") == 0
    return folder


@pytest.fixture(scope="session")
def _prepared(call, raw, tmp_path_factory):
    workspace = tmp_path_factory.mktemp("prepared")
    arguments = ["--detector", "annotation", "--size", "72", "--workspace", workspace]
    assert call("prepare", "afew-va", raw, *arguments) == 0
    return workspace


@pytest.fixture
def workspace(_prepared, tmp_path):
    """A workspace of the test's own, with the dataset prepared from annotations."""
    folder = tmp_path / "workspace"
    shutil.copytree(_prepared, folder)
    return folder


@pytest.fixture
def refused(call, capsys):
    """Call a command that must be refused; returns its error and its hint, a line each."""

    def run(*arguments):
        capsys.readouterr()
        assert call(*arguments) == 1
        out, err = capsys.readouterr()
        assert out == ""
        error, hint = [line for line in err.splitlines() if line][-2:]
        assert error.startswith("error: ")
        assert hint.startswith("hint: ")
        return f"{error}\n{hint}"

    return run


NASTY = "<script>alert(1)</script>"  # the name of an actor, on the way to a page
FIGURES = ("--only", "va_plane", "--only", "training_curves")


@pytest.fixture(scope="session")
def reported(call, raw, tmp_path_factory):
    """A workspace with the runs `first` and `second`, one identity that is a script, and a page of both."""
    folder = tmp_path_factory.mktemp("reported")
    shutil.copytree(raw, folder / "raw")
    for file in (folder / "raw").rglob("*.json"):
        file.write_text(file.read_text().replace("Actor 02", NASTY))
    there = ["--workspace", folder]
    prepared = ["--detector", "annotation", "--size", "72", "--set", "dataset.identity=actor"]
    assert call("prepare", "afew-va", folder / "raw", *prepared, *there) == 0
    for seed, name in enumerate(("first", "second")):
        quick = ["--steps", "4", "--batch-size", "16", "--set", "train.lr_backbone=1e-3"]
        assert call("train", *TINY, *quick, "--run", name, "--seed", seed, *there) == 0
    page = ["--split", "all", "--faces", *FIGURES, "-o", folder / "page.html"]
    assert call("report", "first", "second", *page, *there) == 0
    return folder
