import os
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from elimctl.errors import ConfigError
from elimctl.loader.buffers import Buffers

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
