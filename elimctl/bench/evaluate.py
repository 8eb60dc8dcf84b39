"""How long a large split takes to be scored, with its intervals, and in how much memory.

Predictions are drawn, not made: a network's time is its own (`elimctl bench train`).
"""

import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elimctl.evaluate.detail import Resampling
from elimctl.evaluate.evaluate import evaluate
from elimctl.evaluate.intervals import intervals
from elimctl.evaluate.predict import Predictions
from elimctl.evaluate.score import MetricOptions
from elimctl.evaluate.sums import sums
from elimctl.stages.evaluate import BATCH

INTERVAL_ROWS = 100_000
FRAMES = 250  # of a clip
KIB = 1024  # what Linux gives peaks in


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured.

    Args:
        rows: rows that were scored.
        identities: number of identities.
        resamples: resamples of an interval.
        eval_seconds: for all rows: scores, both files, intervals, means over clips and identities.
        peak_mb: largest memory of this process so far, 10^6 bytes.
        interval_rows: rows of the intervals alone.
        interval_seconds: for sums and intervals of all metrics.
        lone_seconds: the same where every row is an identity of its own.
    """

    rows: int
    identities: int
    resamples: int
    eval_seconds: float
    peak_mb: float
    interval_rows: int
    interval_seconds: float
    lone_seconds: float


def measure(scratch: Path, *, rows: int, identities: int, resamples: int) -> Iterator[str | Measured]:
    """Measure the scoring of drawn predictions.

    Args:
        scratch: an empty folder for what is written.
        rows: rows to score.
        identities: number of identities, each with equally many rows.
        resamples: resamples of an interval.

    Yields:
        What is being done, and last what was measured.
    """
    yield f"scoring {rows:,} rows of {identities:,} identities"
    started = time.perf_counter()
    evaluate(
        _predictions(rows),
        _manifest(rows, identities),
        split="val",
        path=scratch / "val",
        options=MetricOptions(),
        protocol={},
        resampling=Resampling(resamples),
        reference=True,
    )
    eval_seconds = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB / 1e6
    yield f"{resamples:,} resamples of {INTERVAL_ROWS:,} rows"
    yield Measured(
        rows=rows,
        identities=identities,
        resamples=resamples,
        eval_seconds=eval_seconds,
        peak_mb=peak_mb,
        interval_rows=INTERVAL_ROWS,
        interval_seconds=_interval_seconds(identities, resamples),
        lone_seconds=_interval_seconds(INTERVAL_ROWS, resamples),
    )


def _interval_seconds(identities: int, resamples: int) -> float:
    """Time for the intervals of `INTERVAL_ROWS` rows."""
    (batch,) = _predictions(INTERVAL_ROWS, size=INTERVAL_ROWS)
    group = np.arange(INTERVAL_ROWS) * identities // INTERVAL_ROWS
    started = time.perf_counter()
    added = sums(batch.preds, batch.target, group, groups=identities)
    intervals(added, resamples=resamples)
    return time.perf_counter() - started


def _predictions(rows: int, *, size: int = BATCH) -> Iterator[Predictions]:
    """Drawn predictions, batch by batch."""
    rng = np.random.default_rng(0)
    for start in range(0, rows, size):
        index = np.arange(start, min(start + size, rows))
        target = rng.uniform(-1, 1, (len(index), 2))
        preds = (0.6 * target + rng.normal(0, 0.2, target.shape)).astype(np.float32)
        yield Predictions(index, preds, target)


def _manifest(rows: int, identities: int) -> pa.Table:
    """The columns of a manifest that an evaluation reads."""
    row = np.arange(rows)
    # by Arrow, for text of Python's own would count into the peak
    names = pa.array([f"Actor {number:06d}" for number in range(identities)])
    clips = pa.array([f"{number:06d}" for number in range(rows // FRAMES + 1)])
    return pa.table(
        {
            "path": pc.binary_join_element_wise(pa.array(row).cast("string"), ".png", "/frame"),
            "identity": names.take(pa.array(row * identities // rows)),
            "clip": clips.take(pa.array(row // FRAMES)),
            "frame": row % FRAMES,
        }
    )
