"""Score the predictions of a split, and write a file with all of them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from elimctl import atomic
from elimctl.commands.execution import Scoring
from elimctl.config import Values
from elimctl.metrics.classes import ClassScores, confusion, score_classes
from elimctl.metrics.detail import AnyDetail, detail
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.score import MetricOptions, Scores, accumulate, score
from elimctl.predict.table import CLASS_SCHEMA, PROTOCOL, SCHEMA, read

GROUP_ROWS = 1 << 16  # rows gathered before they are written, about 10 MB


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Scores of a split.

    Args:
        scores: of all samples together.
        detail: intervals, means over identities and clips.
        remarks: further facts, by their key in the file of scores.
    """

    scores: Scores | ClassScores
    detail: AnyDetail
    remarks: Values = field(default_factory=dict)

    @property
    def values(self) -> Values:
        """The content of the file of scores."""
        return asdict(self.scores) | asdict(self.detail) | self.remarks


def evaluate(
    batches: Iterable[Predictions],
    table: pa.Table,
    *,
    split: str,
    path: Path,
    classes: tuple[str, ...] = (),
    scoring: Scoring,
    protocol: Mapping[str, Any],
) -> Evaluated:
    """Score a split, and write `<path>.parquet` (all predictions) and `<path>.json` (the scores).

    Args:
        batches: predictions.
        table: the manifest that the batches' row numbers refer to.
        split: name of the split.
        path: path of both files without suffix; its folder is created if needed.
        classes: names of the predicted classes; empty for valence and arousal.
        scoring: metrics and intervals.
        protocol: run, dataset, fold and so on; kept as JSON in the metadata of the Parquet file.

    Returns:
        The content of `<path>.json`. Each file is written whole or not at all.

    Raises:
        DataError: there is no batch.
    """
    scores = record(
        batches, table, split=split, path=path, classes=classes, options=scoring.options, protocol=protocol
    )
    return conclude(scores, path, scoring)


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
    """Write `<path>.parquet`, the first half of `evaluate`; the manifest can be freed afterwards.

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
    scoring: Scoring,
    *,
    remarks: Values | None = None,
) -> Evaluated:
    """Write `<path>.json`, the second half of `evaluate`.

    Args:
        scores: result of `record`.
        path: path given to `record`.
        scoring: metrics and intervals.
        remarks: further facts, by their key in the file.

    Returns:
        The content of `<path>.json`.

    Raises:
        DataError: predictions or labels are not finite.
        StoreError: the file of predictions is damaged.
    """
    details = detail(
        read(_predictions(path)), scoring.options, scoring.resampling, reference=scoring.public_code
    )
    evaluated = Evaluated(scores, details, remarks or {})
    text = json.dumps(evaluated.values, indent=2, allow_nan=False) + "\n"
    atomic.write_text(path.with_name(f"{path.name}.json"), text)
    return evaluated


def _predictions(path: Path) -> Path:
    """The Parquet file beside a file of scores."""
    return path.with_name(f"{path.name}.parquet")


def _recorded(
    batches: Iterable[Predictions], table: pa.Table, path: Path, schema: pa.Schema, classes: tuple[str, ...]
) -> Iterator[Predictions]:
    """Pass batches on and write them to a Parquet file, which is complete after the last batch."""
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
