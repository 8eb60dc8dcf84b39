"""How fast faces are prepared, against what the detector and the pictures themselves allow.

Two measurements, each of ours and a limit in the same run, so that other work on the machine weighs on both:

* with the real detector, `prepare` from raw folder to store against the detector alone on the same frames,
  decoded beforehand, with the same number of processes;
* with annotated boxes, `prepare` of JPEG crops of 112 px into a raw store, per process.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from elimctl import plugins
from elimctl.commands.prepare import open_raw, planned, write_synthetic
from elimctl.faces.face import Detector
from elimctl.faces.image import decode
from elimctl.faces.options import DetectorOptions
from elimctl.prepare import build

ROUNDS = 2  # of ours and the limit in turn; the fastest of each counts
CROPS_PX = 112
IDENTITIES = 12  # drawn for either measurement
SHARES = 4  # of the frames, for each process: none of them should wait for another's large one


@dataclass(frozen=True, slots=True)
class Rates:
    """What was measured, images a second.

    Args:
        workers: number of processes.
        prepare: `prepare` with the real detector.
        detector: the detector alone.
        annotated: `prepare` of crops with annotated boxes, by one process.
    """

    workers: int
    prepare: float
    detector: float
    annotated: float

    @property
    def share(self) -> float:
        """How much of the detector's own speed `prepare` has."""
        return self.prepare / self.detector


def measure(scratch: Path, *, frames: int, crops: int, workers: int) -> Iterator[str | Rates]:
    """Measure the preparation of drawn faces.

    Args:
        scratch: an empty folder for the drawings and what is made of them.
        frames: number of frames for the real detector.
        crops: number of crops with annotated boxes.
        workers: number of processes for the real detector.

    Yields:
        What is being done, and last what was measured.
    """
    yield f"drawing {frames:,} frames and {crops:,} crops"
    of_clip = max(1, frames // IDENTITIES)
    drawn = {"people": IDENTITIES, "clips": IDENTITIES, "frames": of_clip}
    write_synthetic("afew-va", scratch / "frames", drawn, seed=0)
    size = {"width_px": CROPS_PX, "height_px": CROPS_PX, "tiny": True}
    drawn = {"people": IDENTITIES, "clips": IDENTITIES, "frames": max(1, crops // IDENTITIES)}
    write_synthetic("affectnet", scratch / "crops", {**drawn, **size}, seed=0)

    cv2.setNumThreads(1)  # one process is one core
    shard = max(1, of_clip * IDENTITIES // (SHARES * workers))
    detecting = {"workers": workers, "shard_images": shard}
    ours, limits, annotated = [], [], []
    for number in range(ROUNDS):
        yield f"round {number + 1} of {ROUNDS}"
        ours.append(_prepare("afew-va", scratch / "frames", scratch / f"a{number}", detecting))
        limits.append(_detect(sorted((scratch / "frames").rglob("*.png")), workers=workers, share=shard))
        plain = {"workers": 1, "detector": {"name": "annotation"}}
        annotated.append(_prepare("affectnet", scratch / "crops", scratch / f"c{number}", plain))
    yield Rates(workers, max(ours), max(limits), max(annotated))


def _prepare(dataset: str, raw: Path, out: Path, settings: dict) -> float:
    """Images a second of a preparation, from the first look at the raw folder to the finished dataset."""
    tables = {"dataset": {}, "prepare": settings}
    started = time.perf_counter()
    root, rows = open_raw(dataset, raw, {}, cache=out.parent / "unpacked")
    with planned(dataset, root, rows, tables, out) as plan:
        for _ in build.build(plan, out):
            pass
        return len(plan.rows) / (time.perf_counter() - started)


def _detect(files: Sequence[Path], *, workers: int, share: int) -> float:
    """Images a second of the detector alone; starting it and decoding the frames do not count."""
    shares = [files[start : start + share] for start in range(0, len(files), share)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return len(files) * workers / sum(pool.map(_seconds, shares))


def _seconds(files: Sequence[Path]) -> float:
    """Seconds that the detector takes for images."""
    images = [decode(file.read_bytes(), where=file.name) for file in files]
    detector = _detector()
    started = time.perf_counter()
    for image in images:
        detector.detect(image)
    return time.perf_counter() - started


@cache
def _detector() -> Detector:
    """The detector of a process, warm."""
    options = DetectorOptions()
    detector: Detector = plugins.find("faces", options.name).build(options)
    detector.detect(np.zeros((64, 64, 3), np.uint8))
    return detector
