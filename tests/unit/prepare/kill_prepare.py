"""Kills preparations of a raw tree, in forks of this process, and checks what each leaves.

Run as `kill_prepare.py RAW SCRATCH STRIDE SEED MOMENTS`: a preparation is killed before every STRIDEth change
to the file system, and at MOMENTS random times. Every trial is done in an empty folder and over an earlier
dataset. Afterwards the same preparation must complete to the bytes of one that was never killed.
"""

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from elimctl.datasets import afew_va
from elimctl.faces.align import CropOptions
from elimctl.faces.options import DetectorOptions
from elimctl.manifest import parquet
from elimctl.prepare.build import build
from elimctl.prepare.plan import arrange
from elimctl.prepare.settings import PrepareSettings
from elimctl.store.images import open_images

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link"}
WRITES = os.O_WRONLY | os.O_RDWR


def prepare(raw: Path, out: Path, *, size_px: int) -> None:
    options = afew_va.Options()
    settings = PrepareSettings(
        detector=DetectorOptions(name="annotation"),
        crop=CropOptions(size_px=size_px),
        shard_images=5,
        workers=1,
    )
    rows = afew_va.read(raw, options)
    scratch = out / f".rows.{os.getpid()}.tmp"
    out.mkdir(parents=True, exist_ok=True)
    plan = arrange(rows, raw, settings, dataset="afew-va", options=options, scratch=scratch)
    for _ in build(plan, out):
        pass
    scratch.unlink(missing_ok=True)


def in_fork(work: Callable[[], None], *, kill_after_s: float | None = None) -> int:
    """Run in a child process and return its exit code, minus the signal if it was killed."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def dying(work: Callable[[], None], *, before: int) -> Callable[[], None]:
    """`work`, in a process that kills itself before its change number `before` to the file system."""

    def doomed() -> None:
        left = before

        def hook(event: str, values: tuple) -> None:
            nonlocal left
            if event in CHANGES or (event == "open" and isinstance(values[2], int) and values[2] & WRITES):
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        sys.addaudithook(hook)
        work()

    return doomed


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def check_whole(out: Path, whole: list[dict[str, bytes]]) -> None:
    """A folder with a manifest must hold one of the whole datasets, and be readable."""
    if (out / parquet.NAME).exists():
        found = content(out)
        parts = [{name: found.get(name) for name in files} for files in whole]
        assert any(part == files for part, files in zip(parts, whole, strict=True)), "a mixed dataset"
        open_images(out).read(range(parquet.read(out).num_rows))


def trial(raw: Path, out: Path, earlier: Path | None, goal: Path, kill: Callable[..., int]) -> bool:
    """Kill one preparation and complete it; whether it was killed before it had ended."""
    shutil.rmtree(out, ignore_errors=True)
    if earlier is not None:
        shutil.copytree(earlier, out)
    whole = [content(folder) for folder in (earlier, goal) if folder is not None]
    killed = kill(lambda: prepare(raw, out, size_px=16)) == -signal.SIGKILL
    assert in_fork(lambda: check_whole(out, whole)) == 0, "not whole after a kill"
    assert in_fork(lambda: prepare(raw, out, size_px=16)) == 0, "could not be completed"
    assert content(out) == content(goal), "completed to other bytes"
    return killed


def main(raw: Path, scratch: Path, stride: int, seed: int, moments: int) -> None:
    earlier, goal, out = scratch / "earlier", scratch / "goal", scratch / "out"
    assert in_fork(lambda: prepare(raw, earlier, size_px=20)) == 0
    start_s = time.monotonic()
    assert in_fork(lambda: prepare(raw, goal, size_px=16)) == 0
    usual_s = time.monotonic() - start_s
    rng = random.Random(seed)
    kills = 0
    for before in (None, earlier):
        step = rng.randrange(stride)
        while trial(raw, out, before, goal, lambda work, n=step: in_fork(dying(work, before=n))):
            kills, step = kills + 1, step + stride
        for _ in range(moments):
            wait_s = rng.uniform(0, usual_s)
            kills += trial(raw, out, before, goal, lambda work, s=wait_s: in_fork(work, kill_after_s=s))
    sys.stdout.write(str(kills))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
