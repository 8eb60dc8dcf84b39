"""Evaluation of a split: scores, and a file with every prediction."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from elimctl import atomic
from elimctl.evaluate.predict import Predictions
from elimctl.evaluate.score import MetricOptions, Scores, accumulate, score

# One row per sample; `row` is its number in the manifest.
SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("identity", pa.string(), nullable=False),
        pa.field("clip", pa.string(), nullable=False),
        pa.field("frame", pa.int64(), nullable=False),
        pa.field("valence", pa.float64(), nullable=False),
        pa.field("arousal", pa.float64(), nullable=False),
        pa.field("valence_pred", pa.float32(), nullable=False),
        pa.field("arousal_pred", pa.float32(), nullable=False),
    ]
)
GROUP_ROWS = 1 << 16  # rows gathered before they are written, about 10 MB


def evaluate(
    batches: Iterable[Predictions],
    table: pa.Table,
    *,
    split: str,
    folder: Path,
    options: MetricOptions,
) -> Scores:
    """Score a split, and write `<split>.parquet` (every prediction) and `<split>.json` (the scores).

    Args:
        batches: what `predictions` yields.
        table: the manifest that the batches' row numbers refer to.
        split: name of the split; names the files.
        folder: where they go; made if it does not exist.
        options: the form of each metric.

    Returns:
        The scores that `<split>.json` holds. Both files appear whole, or are left as they were.

    Raises:
        DataError: there is no batch.
    """
    with atomic.replacing(folder / f"{split}.parquet") as beside:
        moments = accumulate(_recorded(batches, table, beside))
        scores = score(moments, options, split=split)
    atomic.write_text(folder / f"{split}.json", scores.to_json())
    return scores


def _recorded(batches: Iterable[Predictions], table: pa.Table, path: Path) -> Iterator[Predictions]:
    """Pass batches on while writing them to a Parquet file, which is complete once the last has passed."""
    described = table.select(["path", "identity", "clip", "frame"]).combine_chunks()
    waiting: list[pa.Table] = []
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for batch in batches:
            waiting.append(_rows(batch, described))
            if sum(len(rows) for rows in waiting) >= GROUP_ROWS:
                writer.write_table(pa.concat_tables(waiting))
                waiting.clear()
            yield batch
        if waiting:
            writer.write_table(pa.concat_tables(waiting))


def _rows(batch: Predictions, described: pa.Table) -> pa.Table:
    """The rows of the file for one batch, columns in the order of `SCHEMA`."""
    columns = [batch.indices, *described.take(batch.indices).columns, *batch.target.T, *batch.preds.T]
    return pa.table(columns, names=SCHEMA.names).cast(SCHEMA)
