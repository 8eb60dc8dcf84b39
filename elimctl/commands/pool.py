"""Predictions of several runs for parts of one dataset, pooled."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from elimctl import atomic
from elimctl.commands.conclude import Evaluated
from elimctl.metrics.classes import confusion_of, score_classes
from elimctl.metrics.detail import Resampling, detail
from elimctl.metrics.moments import in_batches
from elimctl.metrics.predictions import PredictionTable
from elimctl.metrics.score import MetricOptions, score
from elimctl.predict.split import BATCH
from elimctl.predict.table import PROTOCOL, read


def pool(files: Sequence[Path], path: Path, *, protocol: Mapping[str, Any]) -> PredictionTable:
    """Put files of predictions behind each other into one of the same columns.

    Args:
        files: of predictions of different samples, by runs that learn the same.
        path: file to write.
        protocol: what was predicted by what. `pooled` is added: of each file the `run`, `fold` and `step`,
            and `rows`, the first and last row (exclusive) of the new file that came from it.

    Returns:
        All predictions, as they are read from the new file.
    """
    tables, sources, start = [pq.read_table(file, partitioning=None) for file in files], [], 0
    for table in tables:
        own = json.loads(table.schema.metadata[PROTOCOL])
        stop = start + len(table)
        sources.append({key: own[key] for key in ("run", "fold", "step")} | {"rows": [start, stop]})
        start = stop
    facts = {**protocol, "pooled": sources}
    if classes := own.get("classes"):
        facts["classes"] = classes
    together = pa.concat_tables(tables).replace_schema_metadata({PROTOCOL: json.dumps(facts)})
    with atomic.replacing(path) as beside:
        pq.write_table(together, beside)
    return read(path)


def evaluate_table(
    table: PredictionTable, options: MetricOptions, resampling: Resampling, *, split: str
) -> Evaluated:
    """Score saved predictions, with intervals; `split` is the name in the result."""
    more = detail(table, options, resampling)
    if table.classes:
        counted = confusion_of(table.target, table.preds, classes=len(table.classes))
        return Evaluated(score_classes(counted, table.classes, split=split), more)
    moments = in_batches(table.preds, table.target, size=BATCH)
    return Evaluated(score(moments, options, split=split), more)
