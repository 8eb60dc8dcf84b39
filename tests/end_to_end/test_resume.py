"""A run that was stopped and resumed equals one that was not."""

import signal
import subprocess
import sys
import time

import pytest
import torch

from elimctl import recipe
from elimctl.commands import train as stage
from elimctl.train.loop import fit
from elimctl.workspace import Workspace

SETTINGS = {
    "model": {"image_px": 64, "neck": "gap"},
    "train": {
        "steps": 8,
        "batch_size": 16,
        "identities_per_batch": 4,
        "eval_every": 3,
        "checkpoint_every": 2,
    },
}
FILES = ("metrics.csv", "checkpoints/last.safetensors", "checkpoints/best.safetensors")


def start(workspace, name, method=None, **train):
    values = recipe.read(None, SETTINGS, {"method": method or {}, "train": train})
    return stage.start(Workspace(workspace), recipe.run_config(values), name=name)


def content(workspace, name):
    return {file: (workspace / "runs" / name / file).read_bytes() for file in FILES}


@pytest.mark.parametrize(
    "method",
    [{"name": "elim"}, {"name": "erm"}, {"name": "elim", "update": "alternate", "sampling": "none"}],
    ids=["elim", "erm", "elim-alternate"],
)
def test_a_run_killed_between_checkpoints_and_resumed_equals_an_uninterrupted_one(workspace, method):
    list(fit(start(workspace, "whole", method)))
    killed = fit(start(workspace, "killed", method))
    for report in killed:
        if report.step == 5:  # the last checkpoint is of step 4, the log has a row more
            break
    list(fit(stage.resume(Workspace(workspace), name="killed")))
    assert content(workspace, "killed") == content(workspace, "whole")


def test_dropout_is_drawn_anew_in_every_step_and_as_before_in_a_resumed_one(workspace):
    """The small neck has no dropout, so nothing else here draws from torch's own generator."""
    head = {"name": "erm", "head": "rz", "head_dropout": 0.5}
    list(fit(start(workspace, "whole", head)))
    killed = fit(start(workspace, "killed", head))
    for report in killed:
        if report.step == 5:
            break
    torch.manual_seed(99)  # a process of its own would not be where this one is
    list(fit(stage.resume(Workspace(workspace), name="killed")))
    assert content(workspace, "killed") == content(workspace, "whole")


def test_rates_by_epoch_and_weight_decay_are_resumed_in_their_midst(workspace):
    settings = {
        "weight_decay": 0.01,
        "rates": ({"epoch": 1, "backbone": 1e-3}, {"epoch": 2, "projector": 1e-3}),
    }
    list(fit(start(workspace, "whole", {"name": "erm"}, **settings)))
    killed = fit(start(workspace, "killed", {"name": "erm"}, **settings))
    for report in killed:
        if report.step == 5:
            break
    list(fit(stage.resume(Workspace(workspace), name="killed")))
    assert content(workspace, "killed") == content(workspace, "whole")
    rates = {row.split(",")[2] for row in (workspace / "runs/whole/metrics.csv").read_text().splitlines()}
    assert len(rates) > 2  # and the column's name


def test_neither_workers_nor_their_kind_change_a_run_that_is_killed_and_resumed(workspace):
    transforms = ({"transform": "ColorJitter", "p": 0.5}, {"transform": "Blur", "p": 0.5})
    list(fit(start(workspace, "whole", workers=0, transforms=transforms)))
    for name, workers in (
        ("threads", {"workers": 3}),
        ("processes", {"workers": 2, "worker_kind": "process"}),
    ):
        killed = fit(start(workspace, name, transforms=transforms, **workers))
        for report in killed:
            if report.step == 5:
                break
        killed.close()
        list(fit(stage.resume(Workspace(workspace), name=name)))
        assert content(workspace, name) == content(workspace, "whole")


def test_fp16_is_resumed_with_its_scale(workspace):
    list(fit(start(workspace, "whole", precision="fp16")))
    killed = fit(start(workspace, "killed", precision="fp16"))
    for report in killed:
        if report.step == 5:
            break
    list(fit(stage.resume(Workspace(workspace), name="killed")))
    assert content(workspace, "killed") == content(workspace, "whole")


def test_a_run_stopped_by_its_user_is_saved_at_that_step(workspace):
    list(fit(start(workspace, "whole")))
    session = start(workspace, "stopped")
    reports = list(fit(session, stop=lambda: session.progress.step == 5))
    assert reports[-1].step == 5
    resumed = stage.resume(Workspace(workspace), name="stopped")
    assert resumed.progress.step == 5
    list(fit(resumed))
    assert content(workspace, "stopped") == content(workspace, "whole")


def test_a_half_written_row_of_the_log_is_forgotten_on_resuming(workspace):
    list(fit(start(workspace, "whole")))
    killed = fit(start(workspace, "killed"))
    for report in killed:
        if report.step == 5:
            break
    with (workspace / "runs" / "killed" / "metrics.csv").open("a") as file:
        file.write("6,1,5e-0")
    list(fit(stage.resume(Workspace(workspace), name="killed")))
    assert content(workspace, "killed") == content(workspace, "whole")


def command(workspace, *arguments):
    return [sys.executable, "-m", "elimctl", "train", *arguments, "--workspace", str(workspace)]


@pytest.mark.parametrize("rows", [3, *(pytest.param(rows, marks=pytest.mark.slow) for rows in (1, 5, 7))])
def test_a_process_killed_at_any_step_and_resumed_equals_an_uninterrupted_one(workspace, rows):
    list(fit(start(workspace, "whole")))
    recipe_file = workspace / "runs" / "whole" / "recipe.toml"
    log = workspace / "runs" / "killed" / "metrics.csv"
    process = subprocess.Popen(command(workspace, "--recipe", str(recipe_file), "--run", "killed"))
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") > rows):
        time.sleep(0.002)
    process.kill()
    process.wait()
    list(fit(stage.resume(Workspace(workspace), name="killed")))
    assert content(workspace, "killed") == content(workspace, "whole")


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_resume(workspace):
    session = start(workspace, "whole")
    recipe_file = session.run.folder / "recipe.toml"
    arguments = ["--recipe", str(recipe_file), "--run", "stopped", "--steps", "4000"]
    process = subprocess.Popen(command(workspace, *arguments), stderr=subprocess.PIPE, text=True)
    log = workspace / "runs" / "stopped" / "metrics.csv"
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") > 2):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "elimctl train --resume --run stopped" in said
    assert stage.resume(Workspace(workspace), name="stopped").progress.step >= 2
