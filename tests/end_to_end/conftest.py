"""A small prepared dataset of drawn faces, and the command line called in this process."""

import shutil
import sys

import pytest

from elimctl.cli.main import main

# 6 people, 12 clips, 4 frames each: a fold of two clips, and a network that trains in milliseconds
IMITATION = ["--identities", "6", "--clips", "12", "--frames", "4", "--set", "imitate.width_px=240"]
TINY = ["--set", "model.image_px=64", "--set", "model.neck=gap", "--set", "train.identities=4"]


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
    assert call("imitate", "afew-va", folder, *IMITATION, "--set", "imitate.height_px=192") == 0
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
