"""`elimctl prepare`, killed or stopped: nothing finished is lost or done twice, and nobody works on."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import pytest

SEED = 0  # of the moments
PATIENCE_S = 60  # the machines are shared; what is waited for takes a second or two
SOON_S = 60  # half a second, in which a worker notices that its parent is gone, and patience

QUICK = ["--detector", "annotation", "--size", "32", "--set", "prepare.shard_images=3"]
SLOW = ["--size", "32", "--set", "prepare.shard_images=2", "--set", "prepare.detector.longer_side_px=1024"]


@contextmanager
def _started(raw, workspace, *options):
    """The real command with two workers, leader of a process group of its own, which is gone in the end."""
    command = [sys.executable, "-m", "elimctl", "prepare", "afew-va", raw, "--workers", "2", *options]
    command += ["--workspace", workspace]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _run(raw, workspace, *options):
    with _started(raw, workspace, *options) as process:
        _, said = process.communicate()
    assert process.returncode == 0, said
    return workspace / "data" / "afew-va"


def _content(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _places(files):
    """What changes when a file is written again, and stays when it is linked or moved."""
    return {(file.stat().st_ino, file.stat().st_mtime_ns) for file in files}


def _finished(out):
    """The shards of the units that are finished."""
    return _places(file.with_suffix(".shard") for file in (out / "units").glob("*.json"))


@pytest.fixture(scope="module")
def whole(raw, tmp_path_factory):
    """What a command gives that nobody kills, and how long it takes."""
    started_s = time.monotonic()
    out = _run(raw, tmp_path_factory.mktemp("whole"), *QUICK)
    return _content(out), time.monotonic() - started_s


def _kill_and_complete(raw, workspace, wait, whole, *, alone):
    """Kill a command and run it again; how many units were finished, None if it had ended before."""
    out = workspace / "data" / "afew-va"
    with _started(raw, workspace, *QUICK) as process:
        wait(process, out)
        if alone:
            process.kill()  # its workers end by themselves
        else:
            os.killpg(process.pid, signal.SIGKILL)
        finished = _finished(out)
        process.communicate(timeout=SOON_S)  # returns when its last worker ends, for they share stderr
    assert _content(_run(raw, workspace, *QUICK)) == whole
    # The store is made of the shards of the units themselves, so they were not made again.
    assert finished <= _places((out / "images.zarr" / "c").rglob("0"))
    return len(finished) if process.returncode == -signal.SIGKILL else None


@pytest.mark.parametrize(("units", "alone"), [(1, True), (6, False), (11, True)])
def test_a_command_killed_among_its_units_does_none_of_them_twice(raw, tmp_path, whole, units, alone):
    def wait(process, out):
        while process.poll() is None and len(list((out / "units").glob("*.json"))) < units:
            time.sleep(0.001)

    assert _kill_and_complete(raw, tmp_path, wait, whole[0], alone=alone) >= units


@pytest.mark.slow
def test_a_command_killed_at_any_of_25_moments_is_completed_by_the_same_command(raw, tmp_path, whole):
    content, usual_s = whole
    rng = random.Random(SEED)
    killed = 0
    while killed < 25:
        moment_s = rng.uniform(0.1, 1) * usual_s
        workspace = tmp_path / f"{killed} {moment_s}"
        finished = _kill_and_complete(
            raw, workspace, lambda *_, wait_s=moment_s: time.sleep(wait_s), content, alone=rng.random() < 0.5
        )
        if finished is None:
            usual_s *= 0.9  # it had ended: the machine was busier when the time was taken
        else:
            killed += 1


@pytest.fixture
def working(raw, tmp_path):
    """A command with the real detector that has begun its work; gone with all its processes in the end."""
    units = tmp_path / "data" / "afew-va" / "units"
    with _started(raw, tmp_path, *SLOW) as process:
        end_s = time.monotonic() + PATIENCE_S
        while len(list(units.glob("*.json"))) < 2 and time.monotonic() < end_s:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        yield process


def test_ctrl_c_stops_all_processes_soon_and_says_how_to_go_on(working, tmp_path):
    before = _finished(tmp_path / "data" / "afew-va")
    os.killpg(working.pid, signal.SIGINT)  # as a terminal does
    _, said = working.communicate(
        timeout=SOON_S
    )  # returns when its last worker ends; there is work for longer
    assert working.returncode == 130
    assert "stopped; re-run the same command to resume" in said
    assert "Traceback" not in said
    out = tmp_path / "data" / "afew-va"
    assert before <= _finished(out)
    assert sorted(file.name for file in out.iterdir()) == ["units"]
