"""How much memory a preparation takes: by the process that plans for each row, and by its workers.

`prepare` is run on a synthetic AffectNet of two sizes, with annotated boxes and tiny images, and the peaks
of its processes are read from `/proc` (Linux). The first process has caches of fixed sizes, which both
synthetic datasets fill; what it grows by from the smaller to the larger is due to the rows.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elimctl.commands.prepare import write_synthetic
from elimctl.errors import ConfigError

TINY_PX = 32
SAMPLE_S = (
    0.05  # how often the peaks are read; they are the kernel's own, so only the last ones can be missed
)
OF_CLIP = 100  # images in a clip of the synthetic dataset


@dataclass(frozen=True, slots=True)
class Memory:
    """What was measured.

    Args:
        rows: rows of the larger synthetic dataset.
        bytes_per_row: growth of the coordinating process's peak for each further row.
        coordinator_mb: peak of the coordinating process with the larger synthetic dataset, 10^6 bytes.
        worker_mb: peak of the largest worker.
        seconds: for the larger synthetic dataset.
    """

    rows: int
    bytes_per_row: float
    coordinator_mb: float
    worker_mb: float
    seconds: float


@dataclass(frozen=True, slots=True)
class _Peaks:
    coordinator: int
    worker: int
    seconds: float


def measure(scratch: Path, *, rows: int, workers: int) -> Iterator[str | Memory]:
    """Measure the memory of a preparation.

    Args:
        scratch: an empty folder for the synthetic datasets and what is made of them.
        rows: rows of the larger synthetic dataset; the smaller has half of them.
        workers: number of processes.

    Yields:
        What is being done, and last what was measured.

    Raises:
        ConfigError: this system has no `/proc`.
    """
    if not Path("/proc/self/status").exists():
        raise ConfigError("this system has no /proc", hint="measure the memory on Linux")
    peaks = {}
    for count in (rows // 2, rows):
        yield f"drawing and preparing {count:,} rows"
        drawn = {"people": 12, "clips": max(12, count // OF_CLIP), "frames": OF_CLIP, "tiny": True}
        size = {"width_px": TINY_PX, "height_px": TINY_PX}
        write_synthetic("affectnet", scratch / f"raw{count}", {**drawn, **size}, seed=0)
        peaks[count] = _prepare(scratch / f"raw{count}", scratch / f"made{count}", workers=workers)
    small, large = peaks.values()
    yield Memory(
        rows=rows,
        bytes_per_row=(large.coordinator - small.coordinator) / (rows - rows // 2),
        coordinator_mb=large.coordinator / 1e6,
        worker_mb=large.worker / 1e6,
        seconds=large.seconds,
    )


def _prepare(raw: Path, workspace: Path, *, workers: int) -> _Peaks:
    """Peaks of the processes of a preparation, bytes."""
    options = ["--detector", "annotation", "--size", str(TINY_PX), "--workers", str(workers)]
    command = [
        sys.executable,
        "-m",
        "elimctl",
        "prepare",
        "affectnet",
        str(raw),
        "--workspace",
        str(workspace),
    ]
    started = time.perf_counter()
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
    coordinator = worker = 0
    while process.poll() is None:
        coordinator = max(coordinator, _peak(process.pid))
        worker = max([worker, *map(_peak, _children(process.pid))])
        time.sleep(SAMPLE_S)
    if process.returncode:
        raise ConfigError(f"elimctl prepare ended with {process.returncode}", hint="see what it said above")
    return _Peaks(coordinator, worker, time.perf_counter() - started)


def _peak(pid: int) -> int:
    """The peak of a process's memory, bytes; 0 for one that is gone."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def _children(pid: int) -> list[int]:
    try:
        return [
            int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        ]
    except OSError:
        return []
