"""How long a large split takes to be scored, with its intervals, and in how much memory.

Predictions are drawn, not made: a network's time is its own (`elimctl bench train`).
"""

import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from elimctl.commands.conclude import conclude, record
from elimctl.commands.execution import Scoring
from elimctl.loader.dataset import SCORED, Dataset
from elimctl.manifest import columns, parquet
from elimctl.metrics.detail import Resampling
from elimctl.metrics.intervals import intervals
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.score import MetricOptions
from elimctl.metrics.sums import sums
from elimctl.predict.split import BATCH
from elimctl.store.layout import Shape

INTERVAL_ROWS = 100_000
FRAMES = 250  # of a clip
PART = 20_000  # rows of a manifest written at once
KIB = 1024  # what Linux gives peaks in


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured.

    Args:
        rows: rows that were scored.
        identities: number of identities.
        resamples: resamples of an interval.
        eval_seconds: for all rows: reading the manifest, scores, both files, intervals, means over clips and
            identities.
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
    yield f"writing a manifest of {rows:,} rows"
    _write_manifest(scratch / parquet.NAME, rows, identities)
    yield f"scoring {rows:,} rows of {identities:,} identities"
    started = time.perf_counter()
    dataset = Dataset(scratch, parquet.read(scratch, only=SCORED), _NoImages())
    samples = dataset.samples("val", fold=0)
    options, path = MetricOptions(), scratch / "val"
    scores = record(
        _predictions(samples.index, samples.target),
        dataset.table,
        split="val",
        path=path,
        options=options,
        protocol={},
    )
    del dataset, samples  # as `elimctl eval` does
    conclude(scores, path, Scoring(options, Resampling(resamples), public_code=True))
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
    target = np.random.default_rng(1).uniform(-1, 1, (INTERVAL_ROWS, 2))
    (batch,) = _predictions(np.arange(INTERVAL_ROWS), target, size=INTERVAL_ROWS)
    group = np.arange(INTERVAL_ROWS) * identities // INTERVAL_ROWS
    started = time.perf_counter()
    added = sums(batch.preds, batch.target, group, groups=identities)
    intervals(added, resamples=resamples)
    return time.perf_counter() - started


def _predictions(index: np.ndarray, target: np.ndarray, *, size: int = BATCH) -> Iterator[Predictions]:
    """Drawn predictions of some rows and their labels (n, 2), batch by batch."""
    rng = np.random.default_rng(0)
    for start in range(0, len(index), size):
        part = slice(start, start + size)
        preds = 0.6 * target[part] + rng.normal(0, 0.2, target[part].shape)
        yield Predictions(index[part], preds.astype(np.float32), target[part].astype(np.float64))


class _NoImages:
    """Images of a dataset that nothing looks at."""

    def __init__(self) -> None:
        self.shape: Shape = (0, 1, 1, 3)
        self.attributes: dict[str, Any] = {}

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def views(self, indices: Sequence[int] | np.ndarray) -> Iterator[np.ndarray]:
        raise NotImplementedError

    def check(self) -> None:
        raise NotImplementedError


def _write_manifest(path: Path, rows: int, identities: int) -> None:
    """Write a manifest with all its columns, in parts."""
    rng, schema = np.random.default_rng(2), columns.schema()
    parts = (np.arange(start, min(start + PART, rows)) for start in range(0, rows, PART))
    parquet.write_parts(
        path,
        (
            pa.table([_column(name, row, rows, identities, rng) for name in schema.names], schema=schema)
            for row in parts
        ),
        metadata={},
    )


def _column(name: str, row: np.ndarray, rows: int, identities: int, rng: np.random.Generator) -> pa.Array:
    """Values of a column for some rows, as long as real ones."""
    field = columns.schema().field(name)
    texts = {
        "path": (row, "{:08d}/frame.png"),
        "identity": (row * identities // rows, "Actor {:06d}"),
        "actor": (row * identities // rows, "Actor {:06d}"),
        "clip": (row // FRAMES, "{:06d}"),
        "source_sha256": (row, "{:064x}"),
        "image_sha256": (row, "{:064x}"),
    }
    numbers = {"row": row, "frame": row % FRAMES, "fold": np.zeros(len(row))}
    if name in texts:
        codes, form = texts[name]
        return pa.array([form.format(code) for code in codes.tolist()], field.type)
    if name == "status":
        return pa.array(["kept"] * len(row), field.type)
    if name in numbers:
        return pa.array(numbers[name]).cast(field.type)
    if pa.types.is_list(field.type):
        return pa.array(rng.uniform(0, 300, (len(row), 10)).astype(np.float32).tolist(), field.type)
    if pa.types.is_floating(field.type):
        return pa.array(rng.uniform(-1, 1, len(row)), field.type)
    return pa.nulls(len(row), field.type) if field.nullable else pa.array([1] * len(row)).cast(field.type)
