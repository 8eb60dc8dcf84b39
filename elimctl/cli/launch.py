"""`elimctl train --nproc`: the same command in several processes of this machine.

They are told who they are by the environment, as torchrun tells them, so that either may start them. What a
person sees comes from rank 0; another one is heard only if it was the one that failed.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO

from elimctl.cli import console
from elimctl.processes import end_with

LAUNCHER = "ELIMCTL_LAUNCHER"  # process that started the ranks
GRACE_S = 10.0  # that the others have to end by themselves when one has failed
POLL_S = 0.1


def launch(nproc: int, arguments: Sequence[str] | None = None) -> int:
    """Run a command in several processes.

    Args:
        nproc: number of processes, >= 2.
        arguments: of `elimctl`; None for those of this process.

    Returns:
        The exit code: that of the first to fail.
    """
    with ExitStack() as stack:
        said: list[IO[bytes] | None] = [None]
        said += [stack.enter_context(tempfile.TemporaryFile()) for _ in range(nproc - 1)]
        environment = _environment(nproc)
        ranks = [
            subprocess.Popen(
                [sys.executable, "-P", "-m", "elimctl", *(sys.argv[1:] if arguments is None else arguments)],
                env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=None if rank == 0 else subprocess.DEVNULL,
                stderr=said[rank],
            )
            for rank in range(nproc)
        ]
        with _forwarding(ranks[0]):
            failed = _wait(ranks)
        if failed is None:
            return 0
        code = ranks[failed].returncode
        if code < 0:
            console.say(f"rank {failed} of {nproc} was killed by signal {-code}")
        elif words := said[failed]:
            words.seek(0)
            sys.stderr.write(f"rank {failed} of {nproc}:\n{words.read().decode(errors='replace')}")
        return code if code > 0 else 128 - code


def watch_launcher() -> None:
    """End this process when the one that started it has gone, however it went."""
    started_by = int(os.environ.get(LAUNCHER, "0"))
    if started_by:
        end_with(started_by)


def _environment(nproc: int) -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "OMP_NUM_THREADS": str(max(1, cores // nproc)),  # else all of them fight for all cores
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(nproc),
        LAUNCHER: str(os.getpid()),
    }


def _wait(ranks: list[subprocess.Popen]) -> int | None:
    """Wait for all ranks, and end the others when one has failed.

    Returns:
        The rank that tells why, none of those that only lost another one: rank 0, which has told already, or
        the first that was seen to fail; None: none failed.
    """
    order: list[int] = []
    deadline = None
    while True:
        codes = [rank.poll() for rank in ranks]
        order += [number for number, code in enumerate(codes) if code and number not in order]
        if None not in codes:
            break
        if order and deadline is None:
            deadline = time.monotonic() + GRACE_S
        if deadline is not None and time.monotonic() >= deadline:
            _end(ranks)
            break
        time.sleep(POLL_S)
    reasons = [number for number in order if ranks[number].returncode != console.LOST]
    return 0 if 0 in reasons else next(iter(reasons + order), None)


def _end(ranks: list[subprocess.Popen]) -> None:
    """End the ranks that do not end by themselves."""
    for rank in ranks:
        if rank.poll() is None:
            rank.kill()
            rank.wait()


@contextmanager
def _forwarding(first: subprocess.Popen) -> Iterator[None]:
    """Leave what to do about Ctrl-C to rank 0, which has got it too if it came from a terminal."""

    def forward(number: int, _: object) -> None:
        if first.poll() is None:
            first.send_signal(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
