"""Evaluation of a split: scores, and a file with every prediction."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from elimctl import atomic
from elimctl.config import Values
from elimctl.metrics.classes import ClassScores, confusion, score_classes
from elimctl.metrics.detail import AnyDetail, Resampling, detail
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.score import MetricOptions, Scores, accumulate, score
from elimctl.predict.table import CLASS_SCHEMA, PROTOCOL, SCHEMA, read

GROUP_ROWS = 1 << 16  # rows gathered before they are written, about 10 MB


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an evaluation found.

    Args:
        scores: of all samples together.
        detail: intervals, means over identities and clips.
        remarks: what else a reader has to know, by its key in the file.
    """

    scores: Scores | ClassScores
    detail: AnyDetail
    remarks: Values = field(default_factory=dict)

    @property
    def values(self) -> Values:
        """All of it, as the file of scores has it."""
        return asdict(self.scores) | asdict(self.detail) | self.remarks


def evaluate(
    batches: Iterable[Predictions],
    table: pa.Table,
    *,
    split: str,
    path: Path,
    classes: tuple[str, ...] = (),
    options: MetricOptions,
    protocol: Mapping[str, Any],
    resampling: Resampling,
    reference: bool = False,
) -> Evaluated:
    """Score a split, and write `<path>.parquet` (every prediction) and `<path>.json` (the scores).

    Args:
        batches: what `predictions` yields.
        table: the manifest that the batches' row numbers refer to.
        split: name of the split.
        path: the files' path without their endings; its folder is made if it does not exist.
        classes: names of the classes that were predicted; none: valence and arousal were.
        options: the form of each metric.
        protocol: what was scored on what, kept in the Parquet file's metadata as JSON, with the options.
        resampling: how intervals are made.
        reference: whether to add the scores by the formulas of the published code.

    Returns:
        What `<path>.json` holds. Each file appears whole, or is left as it was.

    Raises:
        DataError: there is no batch.
    """
    scores = record(
        batches, table, split=split, path=path, classes=classes, options=options, protocol=protocol
    )
    return conclude(scores, path, options=options, resampling=resampling, reference=reference)


def record(
    batches: Iterable[Predictions],
    table: pa.Table,
    *,
    split: str,
    path: Path,
    classes: tuple[str, ...] = (),
    options: MetricOptions,
    protocol: Mapping[str, Any],
) -> Scores | ClassScores:
    """Write `<path>.parquet`, the first half of `evaluate`; afterwards the manifest is not needed any more.

    Args:
        batches: as of `evaluate`, like all that follow.
        table: the manifest.
        split: name of the split.
        path: the files' path without their endings.
        classes: names of the classes that were predicted.
        options: the form of each metric.
        protocol: what was scored on what.

    Returns:
        Scores of all samples together.

    Raises:
        DataError: there is no batch.
    """
    facts = {**protocol, "split": split, "metrics": options.model_dump()}
    if classes:
        facts["classes"] = list(classes)
    schema = (CLASS_SCHEMA if classes else SCHEMA).with_metadata({PROTOCOL: json.dumps(facts)})
    with atomic.replacing(_predictions(path)) as beside:
        recorded = _recorded(batches, table, beside, schema, classes)
        if classes:
            return score_classes(confusion(recorded, len(classes)), classes, split=split)
        return score(accumulate(recorded), options, split=split)


def conclude(
    scores: Scores | ClassScores,
    path: Path,
    *,
    options: MetricOptions,
    resampling: Resampling,
    reference: bool = False,
    remarks: Values | None = None,
) -> Evaluated:
    """Write `<path>.json` from what `record` wrote and gave, the second half of `evaluate`.

    Args:
        scores: what `record` returned.
        path: that it was given.
        options: likewise.
        resampling: how intervals are made.
        reference: whether to add the scores by the formulas of the published code.
        remarks: what else a reader has to know, by its key in the file.

    Returns:
        What `<path>.json` holds.

    Raises:
        DataError: predictions or labels are not finite.
        StoreError: the file of predictions is damaged.
    """
    made = detail(read(_predictions(path)), options, resampling, reference=reference)
    found = Evaluated(scores, made, remarks or {})
    text = json.dumps(found.values, indent=2, allow_nan=False) + "\n"
    atomic.write_text(path.with_name(f"{path.name}.json"), text)
    return found


def _predictions(path: Path) -> Path:
    """The file of predictions that belongs to scores."""
    return path.with_name(f"{path.name}.parquet")


def _recorded(
    batches: Iterable[Predictions], table: pa.Table, path: Path, schema: pa.Schema, classes: tuple[str, ...]
) -> Iterator[Predictions]:
    """Pass batches on while writing them to a Parquet file, which is complete once the last has passed."""
    described = table.select(["path", "identity", "clip", "frame"]).combine_chunks()
    waiting: list[pa.Table] = []
    with pq.ParquetWriter(path, schema) as writer:
        for batch in batches:
            waiting.append(_rows(batch, described, classes))
            if sum(len(rows) for rows in waiting) >= GROUP_ROWS:
                writer.write_table(pa.concat_tables(waiting).cast(schema))
                waiting.clear()
            yield batch
        if waiting:
            writer.write_table(pa.concat_tables(waiting).cast(schema))


def _rows(batch: Predictions, described: pa.Table, classes: tuple[str, ...]) -> pa.Table:
    """The rows of the file for one batch."""
    sample = [batch.indices, *described.take(batch.indices).columns]
    if not classes:
        return pa.table([*sample, *batch.target.T, *batch.preds.T], names=SCHEMA.names).cast(SCHEMA)
    names = np.array(classes, object)
    odds = np.exp(batch.preds - batch.preds.max(axis=1, keepdims=True))  # of softmax; 1 for the highest
    found = [
        names[batch.target[:, 0].astype(np.int64)],
        names[batch.preds.argmax(axis=1)],
        1 / odds.sum(axis=1),
    ]
    return pa.table([*sample, *found], names=CLASS_SCHEMA.names).cast(CLASS_SCHEMA)
