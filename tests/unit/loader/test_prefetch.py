import threading
import time
import weakref

import pytest

from elimctl.loader.prefetch import READY, prefetch

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
        assert len(made) <= taken + workers + READY
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
