"""What is made step by step, made ahead of its use."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

READY = 1  # steps waiting beside those being made; more only costs memory

Made = TypeVar("Made")


def prefetch(make: Callable[[int], Made], steps: range, *, workers: int) -> Iterator[Made]:
    """What `make` gives for each step, in order.

    Args:
        make: a pure function of the step; so neither the number of workers nor their pace changes a value.
        steps: the steps.
        workers: threads that make it ahead; 0: none, a step is made when it is asked for.

    Raises:
        Exception: whatever `make` raises, at the step for which it does.
    """
    if not workers:
        yield from map(make, steps)
        return
    coming = iter(steps)
    with ThreadPoolExecutor(workers, thread_name_prefix="prefetch") as pool:
        ahead: deque[Future[Made]] = deque()
        try:
            for step in islice(coming, workers + 1 + READY):
                ahead.append(pool.submit(make, step))
            while ahead:
                yield ahead.popleft().result()  # no name for it: it is the caller's alone, and may be freed
                for step in islice(coming, 1):
                    ahead.append(pool.submit(make, step))
        finally:
            for pending in ahead:
                pending.cancel()
