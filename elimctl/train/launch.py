"""Start the ranks of a run: the same command in several processes of this machine.

Each process reads its number from the environment, as under torchrun. Rank 0 shows progress. Another rank's
output is kept only if that rank failed first. This file imports no torch.
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
from dataclasses import dataclass
from typing import IO

from elimctl.processes import LOST, end_with

LAUNCHER = "ELIMCTL_LAUNCHER"  # process that started the ranks
GRACE_S = 10.0  # how long the other ranks may take to end after one has failed
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Ended:
    """How the ranks ended."""

    code: int = 0  # exit code of the first rank that failed; 0 if none did
    message: str = ""  # why that rank failed, if it could not say so itself


def launch(nproc: int, arguments: Sequence[str] | None = None) -> Ended:
    """Run `elimctl` in several processes and wait for them.

    Args:
        nproc: number of processes, >= 2.
        arguments: of `elimctl`; None: those of this process.
    """
    with ExitStack() as stack:
        outputs: list[IO[bytes] | None] = [None]
        outputs += [stack.enter_context(tempfile.TemporaryFile()) for _ in range(nproc - 1)]
        environment = _environment(nproc)
        ranks = [
            subprocess.Popen(
                [sys.executable, "-P", "-m", "elimctl", *(sys.argv[1:] if arguments is None else arguments)],
                env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=None if rank == 0 else subprocess.DEVNULL,
                stderr=outputs[rank],
            )
            for rank in range(nproc)
        ]
        with _forwarding(ranks[0]):
            failed = _wait(ranks)
        if failed is None:
            return Ended()
        code = ranks[failed].returncode
        if code < 0:
            return Ended(128 - code, f"rank {failed} of {nproc} was killed by signal {-code}\n")
        if output := outputs[failed]:
            output.seek(0)
            return Ended(code, f"rank {failed} of {nproc}:\n{output.read().decode(errors='replace')}")
        return Ended(code)


def watch_launcher() -> None:
    """End this process when the launcher that started it has ended."""
    launcher = int(os.environ.get(LAUNCHER, "0"))
    if launcher:
        end_with(launcher)


def _environment(nproc: int) -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "OMP_NUM_THREADS": str(max(1, cores // nproc)),  # else each rank starts a thread per core
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(nproc),
        LAUNCHER: str(os.getpid()),
    }


def _wait(ranks: list[subprocess.Popen]) -> int | None:
    """Wait for all ranks, and end the others when one has failed.

    Returns:
        The rank that has the reason: rank 0, else the first that failed by itself. None: none failed.
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
            for rank in ranks:
                if rank.poll() is None:
                    rank.kill()
                    rank.wait()
            break
        time.sleep(POLL_S)
    reasons = [number for number in order if ranks[number].returncode != LOST]
    return 0 if 0 in reasons else next(iter(reasons + order), None)


@contextmanager
def _forwarding(first: subprocess.Popen) -> Iterator[None]:
    """Send SIGINT and SIGTERM to rank 0, which decides for all ranks."""

    def forward(number: int, _: object) -> None:
        if first.poll() is None:
            first.send_signal(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
