"""That processes are started, heard and ended together; they run a script instead of elimctl."""

import os
import subprocess
import sys
import time

import pytest

from elimctl.processes import LOST
from elimctl.train import launch

TELL = "import os, sys; "


@pytest.fixture
def run(monkeypatch):
    """A function that launches processes which run some code, and returns how they ended."""
    real = subprocess.Popen

    def start(code, nproc=2):
        def popen(arguments, **options):
            assert arguments[:4] == [sys.executable, "-P", "-m", "elimctl"]
            return real([sys.executable, "-c", TELL + code], **options)

        monkeypatch.setattr(subprocess, "Popen", popen)
        return launch.launch(nproc)

    return start


def test_every_process_is_told_who_it_is(run, tmp_path):
    tell = f"open({str(tmp_path)!r} + '/' + os.environ['RANK'], 'w').write(str(dict(os.environ)))"
    assert run(tell, nproc=3).code == 0
    environments = [eval((tmp_path / str(rank)).read_text()) for rank in range(3)]
    assert [(e["RANK"], e["LOCAL_RANK"], e["WORLD_SIZE"]) for e in environments] == [
        (str(rank), str(rank), "3") for rank in range(3)
    ]
    assert len({e["MASTER_PORT"] for e in environments}) == 1
    assert {e["MASTER_ADDR"] for e in environments} == {"127.0.0.1"}
    assert all(int(e["OMP_NUM_THREADS"]) >= 1 for e in environments)
    assert {e[launch.LAUNCHER] for e in environments} == {str(os.getpid())}


def test_another_command_than_this_one_can_be_run(monkeypatch):
    real, seen = subprocess.Popen, []

    def popen(arguments, **options):
        seen.append(arguments[4:])
        return real([sys.executable, "-c", ""], **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setattr(sys, "argv", ["elimctl", "crossval"])
    assert launch.launch(2, ["train", "--resume"]) == launch.Ended()
    assert launch.launch(2) == launch.Ended()
    assert seen == [["train", "--resume"]] * 2 + [["crossval"]] * 2


def test_only_one_is_heard_when_all_fail(run, capfd):
    ended = run("sys.exit('failed')")
    assert ended.code == 1
    assert (capfd.readouterr().err + ended.message).count("failed") == 1


@pytest.mark.parametrize("culprit", [0, 1, 2])
def test_who_only_lost_another_one_is_not_taken_for_the_reason(run, capfd, culprit):
    code = f"sys.exit('no disk' if os.environ['RANK'] == '{culprit}' else {LOST})"
    ended = run(code, nproc=3)
    assert ended.code == 1
    assert "no disk" in capfd.readouterr().err + ended.message


def test_a_rank_that_was_killed_is_named(run):
    ended = run(f"os.kill(os.getpid(), 9) if os.environ['RANK'] == '1' else sys.exit({LOST})")
    assert ended == launch.Ended(137, "rank 1 of 2 was killed by signal 9\n")


def test_another_that_fails_is_heard_and_the_rest_ended(run, monkeypatch):
    monkeypatch.setattr(launch, "GRACE_S", 0.5)
    started = time.monotonic()
    ended = run("import time; time.sleep(60) if os.environ['RANK'] == '0' else sys.exit('no disk')")
    assert time.monotonic() - started < 30
    assert ended == launch.Ended(1, "rank 1 of 2:\nno disk\n")


def test_a_killed_process_has_the_exit_code_of_its_signal(run, monkeypatch):
    monkeypatch.setattr(launch, "GRACE_S", 0.5)
    ended = run("import time; os.kill(os.getpid(), 9) if os.environ['RANK'] == '1' else time.sleep(60)")
    assert ended.code == 137


def test_processes_end_with_the_one_that_started_them(tmp_path):
    mark = tmp_path / "alive"
    child = (
        "import time; from pathlib import Path; from elimctl.train import launch; launch.watch_launcher();"
        f"[(Path({str(mark)!r}).write_text(str(n)), time.sleep(0.1)) for n in range(600)]"
    )
    parent = (
        "import os, subprocess, sys, time; "
        f"subprocess.Popen([sys.executable, '-c', {child!r}], env=os.environ | "
        f"{{{launch.LAUNCHER!r}: str(os.getpid())}}); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent])
    while not mark.exists():
        time.sleep(0.05)
    process.kill()
    process.wait()
    time.sleep(1)
    before = mark.read_text()
    time.sleep(1)
    assert mark.read_text() == before
