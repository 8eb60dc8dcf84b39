import os
import signal
import subprocess
import sys
import time
from functools import partial
from multiprocessing import active_children

import pytest
import torch

from elimctl.errors import DataError
from elimctl.loader.processes import prefetch_in_processes

# Prints the workers' process ids, then whether it was interrupted and the next two steps, then waits.
PROGRAM = """
import time
from functools import partial
from multiprocessing import active_children
from multiprocessing import active_children
from elimctl.loader.processes import prefetch_in_processes

stream = prefetch_in_processes(str, range(100, 10**6), workers=2, pinned=False)
first = next(stream)
try:
    print(first, *(child.pid for child in active_children()), flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted", next(stream), next(stream), flush=True)
time.sleep(600)
"""


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - no file of a disk
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_no_steps_start_no_process():
    assert list(prefetch_in_processes(str, range(5, 5), workers=2, pinned=False)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_workers_do_not_hear_ctrl_c_and_do_not_outlive_their_parent(tmp_path):
    with (tmp_path / "stderr").open("w") as stderr:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
    try:
        first, *pids = program.stdout.readline().split()
        assert first == "100"
        assert len(pids) == 2
        os.killpg(program.pid, signal.SIGINT)  # as a terminal does
        assert program.stdout.readline() == "interrupted 101 102\n"
        assert all(map(runs, pids))
        assert (tmp_path / "stderr").read_text() == ""
        program.kill()
        deadline = time.monotonic() + 30  # workers look every 5 s
        while any(map(runs, pids)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(map(runs, pids))
    finally:
        program.kill()
        program.communicate()


def test_a_worker_that_dies_is_an_error():
    with pytest.raises(DataError, match="a worker died") as caught:
        list(prefetch_in_processes(os._exit, range(1, 9), workers=1, pinned=False))
    assert "fewer workers" in caught.value.hint


def test_a_stream_that_is_left_while_tensors_are_sent_ends_quietly(capfd):
    make = partial(torch.full, (64, 3, 224, 224))  # large, and copied when it is sent
    stream = prefetch_in_processes(make, range(7, 10**6), workers=2, pinned=False)
    assert all((next(stream) == step).all() for step in range(7, 11))
    stream.close()
    assert not active_children()
    assert capfd.readouterr().err == ""
