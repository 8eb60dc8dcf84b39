"""Saved predictions: the columns of the files in a run's `eval/`, and how they are read again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float64, Int64

from elimctl.errors import DataError, MissingError, StoreError
from elimctl.manifest.grouping import Groups, at_rows, grouped
from elimctl.metrics.predictions import PredictionTable, evaluate_again

# One row per sample; `row` is its number in the manifest.
SAMPLE = (
    pa.field("row", pa.int64(), nullable=False),
    pa.field("path", pa.string(), nullable=False),
    pa.field("identity", pa.string(), nullable=False),
    pa.field("clip", pa.string(), nullable=False),
    pa.field("frame", pa.int64(), nullable=False),
)
SCHEMA = pa.schema(
    [
        *SAMPLE,
        pa.field("valence", pa.float64(), nullable=False),
        pa.field("arousal", pa.float64(), nullable=False),
        pa.field("valence_pred", pa.float32(), nullable=False),
        pa.field("arousal_pred", pa.float32(), nullable=False),
    ]
)
CLASS_SCHEMA = pa.schema(
    [
        *SAMPLE,
        pa.field("expression", pa.string(), nullable=False),
        pa.field("expression_pred", pa.string(), nullable=False),
        pa.field("probability", pa.float32(), nullable=False),  # of the predicted class
    ]
)
PROTOCOL = b"protocol"  # key of the metadata that says what was scored on what; the value is JSON
PART_ROWS = 1 << 16  # rows read at once


def read(path: Path) -> PredictionTable:
    """Read saved predictions.

    Args:
        path: `eval/<split>.parquet` of a run.

    Returns:
        At least one sample; every number is finite.

    Raises:
        MissingError: there is no such file.
        StoreError: the file is damaged, or is none of predictions.
        DataError: it has no row, or predictions or labels that are not finite; the message names the rows.
    """
    schema, protocol = _described(path)
    texts, numbers = _loaded(path, schema)
    if not len(texts):
        raise DataError(f"{path} has no row", hint=evaluate_again(path))
    identities, clips = grouped(texts["identity"]), grouped(texts["clip"])
    classes = tuple(protocol.get("classes", ()))
    others = texts.select(["path"])
    if classes:
        target, preds = (_codes(texts[name], classes, path) for name in CLASS_SCHEMA.names[5:7])
        others = others.append_column("probability", pa.array(numbers["probability"]))
    else:
        target, preds = (
            np.stack([numbers.pop(name) for name in names], axis=1).astype(np.float64, copy=False)
            for names in (SCHEMA.names[5:7], SCHEMA.names[7:])
        )
        _require_finite(preds, numbers["row"], "predictions", path)
        _require_finite(target, numbers["row"], "labels", path)
    return PredictionTable(
        row=numbers["row"],
        frame=numbers["frame"],
        target=target,
        preds=preds,
        identities=identities,
        clips=_within(identities, clips),
        classes=classes,
        protocol=protocol,
        columns=others,
    )


def _described(path: Path) -> tuple[pa.Schema, dict[str, Any]]:
    """Columns and protocol of a file."""
    with _damage_named(path), pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        protocol = json.loads((schema.metadata or {}).get(PROTOCOL, "null"))
    if not isinstance(protocol, dict):
        raise StoreError(f"{path} has no record of run and dataset", hint=evaluate_again(path))
    wanted = CLASS_SCHEMA if protocol.get("classes") else SCHEMA
    if not schema.equals(wanted):
        raise StoreError(
            f"{path} has the columns {', '.join(schema.names)}; "
            f"wanted {', '.join(wanted.names)}, of the types that elimctl eval writes",
            hint=evaluate_again(path),
        )
    return schema, protocol


def _loaded(path: Path, schema: pa.Schema) -> tuple[pa.Table, dict[str, np.ndarray]]:
    """Columns of text, those of names as dictionaries, and columns of numbers.

    Parts go straight to their place: a million rows read at once would take 150 MB more.
    """
    texts = [field.name for field in schema if field.type == pa.string()]
    with _damage_named(path), pq.ParquetFile(path, read_dictionary=texts[1:], pre_buffer=False) as file:
        numbers = {
            field.name: np.empty(file.metadata.num_rows, field.type.to_pandas_dtype())
            for field in schema
            if field.name not in texts
        }
        parts, start = [], 0
        for part in file.iter_batches(PART_ROWS, use_threads=False):
            for name, values in numbers.items():
                values[start : start + len(part)] = part[name]
            parts.append(part.select(texts))
            start += len(part)
        kinds = pa.schema([file.schema_arrow.field(name) for name in texts])
    pa.default_memory_pool().release_unused()  # it would keep 30 MB that nobody needs again
    return pa.Table.from_batches(parts, kinds), numbers


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Tell which file is missing or cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise MissingError(f"no predictions {path}", hint=evaluate_again(path)) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StoreError(
            f"{path} is damaged: {str(error).splitlines()[0]}", hint=evaluate_again(path)
        ) from None


def _within(outer: Groups, inner: Groups) -> Groups:
    """Groups of equal codes in both, called like the inner ones."""
    pairs, code = np.unique(outer.code * len(inner) + inner.code, return_inverse=True)
    return Groups(code, tuple(inner.names[pair % len(inner)] for pair in pairs.tolist()))


def _codes(column: pa.ChunkedArray, classes: tuple[str, ...], path: Path) -> Int64[np.ndarray, " n"]:
    groups = grouped(column)
    if unknown := set(groups.names) - set(classes):
        raise StoreError(f"{path} has unknown classes: {', '.join(unknown)}", hint=evaluate_again(path))
    return np.array([classes.index(name) for name in groups.names])[groups.code]


def _require_finite(
    values: Float64[np.ndarray, "n 2"], row: Int64[np.ndarray, " n"], what: str, path: Path
) -> None:
    bad = row[~np.isfinite(values).all(axis=1)]
    if len(bad):
        raise DataError(
            f"{len(bad):,} of {len(row):,} {what} in {path} are not finite, {at_rows(bad)}",
            hint=evaluate_again(path),
        )
