"""Several processes that share every batch train what one would."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = Path(__file__).with_name("ranks.py")
CASES = (
    "elim",
    "elim-alternate",
    "elim-attention",
    "attention-alternate",
    "erm",
    "caf",
    "cross-entropy",
    "uneven",
    "compiled",
    "partial",
    "clipped",
)
FILES = ("metrics.csv", "checkpoints/last.safetensors", "checkpoints/best.safetensors")
TINY = [
    *("--batch-size", "16", "--steps", "8", "--set", "model.image_px=64", "--set", "model.neck=gap"),
    *(
        "--set",
        "train.identities_per_batch=4",
        "--set",
        "train.eval_every=3",
        "--set",
        "train.checkpoint_every=2",
    ),
]
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}


def elimctl(*arguments, **options):
    return subprocess.Popen([sys.executable, "-m", "elimctl", *map(str, arguments)], **options)


def finish(process):
    """Exit code and what was said on stderr."""
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def content(workspace, name):
    return {file: (workspace / "runs" / name / file).read_bytes() for file in FILES}


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """A step of every case, by one process and by two that torchrun starts."""
    folder = tmp_path_factory.mktemp("steps")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for start in ([], torchrun):
        subprocess.run([sys.executable, *start, SCRIPT, folder], env=ONE_THREAD, check=True, timeout=120)
    return folder


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rank", [0, 1])
def test_two_ranks_with_half_a_batch_each_take_the_step_of_one_with_all_of_it(steps, case, rank):
    one = load_file(steps / f"{case}.1.0.safetensors")
    two = load_file(steps / f"{case}.2.{rank}.safetensors")
    assert one.keys() == two.keys()
    # float32 adds the parts of sums in another order; a gradient that is 0 in truth is left as a rounding
    # error, so there is no relative tolerance
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=0, atol=1e-5)


def test_a_compiled_network_takes_the_step_of_the_eager_one(steps):
    eager, compiled = (load_file(steps / f"{case}.1.0.safetensors") for case in ("elim", "compiled"))
    for name, value in eager.items():
        torch.testing.assert_close(compiled[name], value, rtol=0, atol=1e-5)


def test_gradients_are_not_all_small(steps):
    found = load_file(steps / "elim.1.0.safetensors")
    assert max(value.abs().max() for name, value in found.items() if "gradient" in name) > 0.1


def reached(found, update):
    """Parts of the network that an update has a gradient for."""
    keys = [name.split(".") for name in found if name.startswith(f"gradient.{update}.")]
    return {part for _, _, part, *_ in keys}


@pytest.mark.parametrize(
    ("case", "parts"),
    [
        ("caf", ({"backbone", "projector"}, {"critic"}, {"backbone"})),
        ("attention-alternate", ({"backbone", "projector"}, {"attention", "backbone", "projector"})),
        ("partial", ({"projector"}, {"backbone", "projector"})),
    ],
)
@pytest.mark.parametrize("ranks", [1, 2])
def test_what_an_update_does_not_reach_is_left_alone_by_any_number_of_ranks(steps, case, parts, ranks):
    """A gradient of 0 in the place of none would let Adam move a weight by its momentum."""
    found = load_file(steps / f"{case}.{ranks}.0.safetensors")
    assert tuple(reached(found, update) for update in range(3) if reached(found, update)) == parts


@pytest.fixture(scope="module")
def whole(_prepared, tmp_path_factory):
    """A workspace with a run of two ranks that nobody disturbed."""
    workspace = tmp_path_factory.mktemp("ranks")
    shutil.copytree(_prepared / "data", workspace / "data")
    arguments = ["train", *TINY, "--run", "whole", "--nproc", "2", "--workspace", workspace]
    code, said = finish(elimctl(*arguments, stderr=subprocess.PIPE, text=True))
    assert code == 0, said
    return workspace


def test_validation_by_two_ranks_is_that_of_one(whole, call):
    assert call("eval", "--run", "whole", "--workspace", whole) == 0
    rows = (whole / "runs" / "whole" / "metrics.csv").read_text().splitlines()
    best = max((row.rsplit(",", 1)[1] for row in rows[1:] if not row.endswith(",")), key=float)
    assert f'"ccc": {best}' in (whole / "runs" / "whole" / "eval" / "val.json").read_text()


def test_two_ranks_killed_and_resumed_equal_two_that_were_not(whole):
    log = whole / "runs" / "killed" / "metrics.csv"
    arguments = ["train", *TINY, "--run", "killed", "--nproc", "2", "--workspace", whole]
    process = elimctl(*arguments, start_new_session=True)
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") > 4):
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # -- lets torchrun leave our options alone: it would take --run for the beginning of one of its own
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--", "elimctl"]
    resume = ["train", "--resume", "--run", "killed", "--workspace", whole]
    subprocess.run([sys.executable, *torchrun, *resume], env=ONE_THREAD, check=True, timeout=120)
    assert content(whole, "killed") == content(whole, "whole")


def test_the_rank_that_failed_is_heard_and_not_those_that_lost_it(whole, tmp_path):
    workspace = tmp_path / "damaged"
    shutil.copytree(whole / "data", workspace / "data")
    for shard in (workspace / "data").glob("*/images.zarr/**/c/*/0/0/0"):
        shard.write_bytes(shard.read_bytes()[:1000])
    arguments = ["train", *TINY, "--nproc", "2", "--workspace", workspace]
    code, said = finish(elimctl(*arguments, stderr=subprocess.PIPE, text=True))
    assert code == 1
    assert "images.zarr" in said
    assert "lost another one" not in said.splitlines()[-2]


def test_what_forbids_training_is_said_once(whole):
    arguments = ["train", "--method", "elm", "--nproc", "2", "--workspace", whole]
    code, said = finish(elimctl(*arguments, stderr=subprocess.PIPE, text=True))
    assert code == 1
    assert said.count("error:") == 1


def test_ctrl_c_stops_all_ranks_and_saves(whole):
    log = whole / "runs" / "stopped" / "metrics.csv"
    arguments = ["train", *TINY, "--steps", "4000", "--run", "stopped", "--nproc", "2", "--workspace", whole]
    process = elimctl(*arguments, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") > 2):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert code == 130
    assert "elimctl train --resume --run stopped" in said
