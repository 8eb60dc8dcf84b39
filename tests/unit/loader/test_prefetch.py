import os
import resource
import signal
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import torch

from elimctl.errors import ConfigError, DataError
from elimctl.loader.prefetch import WAITING, Buffers, prefetch, prefetch_in_processes

WORKERS = [0, 1, 2, 8]


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("steps", [range(0), range(1), range(5, 25)])
def test_everything_comes_once_and_in_order_whatever_is_ready_first(workers, steps):
    def make(step):
        time.sleep(0.002 * (step % 3))  # later steps are often done earlier
        return step

    assert list(prefetch(make, steps, workers=workers)) == list(steps)


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_is_made_ahead_than_the_workers_and_those_ready(workers):
    made = []
    stream = prefetch(lambda step: made.append(step) or step, range(100), workers=workers)
    for taken in range(1, 6):
        next(stream)
        time.sleep(0.02)  # long enough for whatever else would be made
        assert len(made) <= taken + workers + WAITING
    stream.close()


def test_without_workers_a_step_is_made_when_it_is_asked_for():
    made = []
    stream = prefetch(made.append, range(9), workers=0)
    assert made == []
    next(stream)
    assert made == [0]
    assert not threads()


@pytest.mark.parametrize("workers", WORKERS)
def test_an_error_comes_at_its_step_and_ends_the_threads(workers):
    stream = prefetch(lambda step: 1 // (step - 2), range(9), workers=workers)
    next(stream)
    next(stream)
    with pytest.raises(ZeroDivisionError):
        next(stream)
    assert not threads()


@pytest.mark.parametrize("workers", [1, 4])
def test_a_stream_that_is_left_early_ends_its_threads(workers):
    stream = prefetch(str, range(100), workers=workers)
    next(stream)
    stream.close()
    assert not threads()


@pytest.mark.parametrize("workers", WORKERS)
def test_what_was_handed_out_is_not_kept(workers):
    class Batch:
        pass

    stream = prefetch(lambda _: Batch(), range(9), workers=workers)
    seen = weakref.ref(next(stream))
    deadline = time.monotonic() + 5
    while seen() is not None and time.monotonic() < deadline:
        time.sleep(0.001)  # a worker's thread may still be about to let go of it
    assert seen() is None
    stream.close()


SHAPE = (2, 3, 3, 3)


@pytest.fixture
def buffers():
    return Buffers()


def test_a_buffer_has_the_shape_asked_for(buffers):
    for shape in (SHAPE, (5, 2, 2, 3)):
        buffer = buffers.take(shape)
        assert buffer.shape == shape
        assert buffer.dtype == torch.uint8
        assert buffer.is_contiguous()


def test_a_buffer_is_used_again_once_nothing_refers_to_it(buffers):
    first = buffers.take(SHAPE)
    place = first.data_ptr()
    del first
    assert buffers.take(SHAPE).data_ptr() == place


@pytest.mark.parametrize(
    "share",
    [
        lambda tensor: tensor,
        lambda tensor: tensor.permute(0, 3, 1, 2)[1:],
        lambda tensor: tensor.to("cpu"),
        lambda tensor: torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage()),
        lambda tensor: tensor.numpy()[0],
        lambda tensor: memoryview(tensor.numpy()),
    ],
    ids=["itself", "a view", "moved to where it is", "storage", "an array", "a memoryview"],
)
def test_a_buffer_is_not_used_again_while_anything_shares_its_memory(buffers, share):
    kept = share(buffers.take(SHAPE).fill_(7))
    others = [buffers.take(SHAPE).fill_(9) for _ in range(3)]
    assert len(others) == 3
    assert (np.asarray(kept) == 7).all()


def test_a_buffer_of_another_shape_is_another_one(buffers):
    place = buffers.take(SHAPE).data_ptr()
    other = buffers.take((1, 9, 9, 3))
    assert buffers.take(SHAPE).data_ptr() == place
    assert other.data_ptr() != place


def test_threads_that_share_buffers_never_have_the_same_one(buffers):
    def use(value):
        for _ in range(200):
            buffer = buffers.take(SHAPE)
            buffer.fill_(value)
            if not (buffer == value).all():
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(8)))


def test_shared_memory_is_not_copied_on_its_way_to_another_process():
    buffer = Buffers("shared").take(SHAPE)
    assert buffer.shape == SHAPE
    assert buffer.is_shared()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it does not lie in files")
def test_too_little_shared_memory_is_an_error():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, before[1]))  # what it lies in is a file
    try:
        with pytest.raises(ConfigError, match=r"no 3\.0 MB of shared memory") as caught:
            Buffers("shared").take((1, 1000, 1000, 3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        for empty in Path("/dev/shm").glob(f"torch_{os.getpid()}_*"):  # torch leaves the name of what failed
            empty.unlink()
    assert "worker_kind=thread" in caught.value.hint


@pytest.mark.gpu
def test_pinned_buffers_are_pinned():
    assert Buffers("pinned").take(SHAPE).is_pinned()


# Prints the workers' process ids, then whether it was interrupted and the next two steps, then waits.
PROGRAM = """
import time
from functools import partial
from multiprocessing import active_children
from multiprocessing import active_children
from elimctl.loader.prefetch import prefetch_in_processes

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
