"""Manifests on disk: Parquet, with the format version and the settings in the file's metadata."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from elimctl import atomic
from elimctl.errors import StoreError
from elimctl.manifest import columns

NAME = "manifest.parquet"  # in the folder of a prepared dataset
GROUP = 16_384  # rows in a row group
KEY = b"elimctl"  # of the Parquet metadata; the value is JSON


def write(path: Path, table: pa.Table, *, metadata: Mapping[str, Any]) -> None:
    """Write a manifest atomically; the same rows and metadata give the same bytes.

    Args:
        path: file to write.
        table: the rows, sorted; its schema is `columns.schema()`.
        metadata: values for JSON, noted in the file beside the format version.
    """
    write_parts(path, [table], metadata=metadata)


def write_parts(path: Path, tables: Iterable[pa.Table], *, metadata: Mapping[str, Any]) -> None:
    """Write a manifest atomically from its parts, no more than `GROUP` rows in memory and a part.

    The bytes do not depend on how the rows are parted.

    Args:
        path: file to write.
        tables: the rows in order, in parts of any size.
        metadata: values for JSON, noted in the file beside the format version.
    """
    noted = json.dumps({**metadata, "format": FORMAT}, sort_keys=True)
    schema = columns.schema().with_metadata({KEY: noted})
    with (
        atomic.replacing(path) as beside,
        parquet.ParquetWriter(beside, schema, compression="zstd") as writer,
    ):
        for group in _groups(tables):
            writer.write_table(group.replace_schema_metadata({KEY: noted}), row_group_size=GROUP)


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows in tables of `GROUP` rows, fewer in the last."""
    left = columns.schema().empty_table()
    for table in tables:
        left = pa.concat_tables([left, table.replace_schema_metadata(None)])
        while left.num_rows >= GROUP:
            yield left.slice(0, GROUP).combine_chunks()
            left = left.slice(GROUP)
    if left.num_rows:
        yield left.combine_chunks()


def read(path: Path, *, only: Sequence[str] | None = None) -> pa.Table:
    """Read a manifest.

    Args:
        path: the Parquet file, or the folder of the prepared dataset.
        only: names of the columns that are wanted; None for all.

    Returns:
        All rows, dropped ones included, in the columns of `columns.schema()`; see `metadata` for the rest.

    Raises:
        StoreError: the file is missing, damaged, no manifest, or written by a newer elimctl.
    """
    path = path / NAME if path.is_dir() else path
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            check(_metadata(schema).get("format"), path)
            known = schema.equals(columns.schema())
            table = _columns(file, only) if known else None
    except FileNotFoundError:
        raise StoreError(f"no manifest {path}", hint="run elimctl prepare") from None
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{path} is damaged: {error}", hint="run elimctl prepare again") from None
    if table is None:
        raise StoreError(
            f"{path} has the columns {', '.join(schema.names)}; "
            f"wanted {', '.join(columns.schema().names)}, of the types in columns.toml",
            hint="run elimctl prepare again",
        )
    return table


def _columns(file: parquet.ParquetFile, names: Sequence[str] | None) -> pa.Table:
    """Columns of a file; some of them one by one, as decoding takes as much memory again as it gives."""
    if names is None:
        return file.read()
    table = pa.table({name: file.read(columns=[name])[name] for name in names})
    pa.default_memory_pool().release_unused()
    return table


def metadata(table: pa.Table) -> dict[str, Any]:
    """What `write` noted beside the rows: `format` and the metadata given to it."""
    return _metadata(table.schema)


def noted_format(path: Path) -> object:
    """The format version noted in a file, None where the file is missing, damaged or no manifest."""
    try:
        with parquet.ParquetFile(path) as file:
            return _metadata(file.schema_arrow).get("format")
    except (pa.ArrowException, OSError):
        return None


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _metadata(schema: pa.Schema) -> dict[str, Any]:
    try:
        noted = json.loads((schema.metadata or {})[KEY])
    except (KeyError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


FORMAT = 2


def check(found: object, path: Path) -> None:
    """Check that this elimctl reads a file or folder.

    Args:
        found: the format version noted in it.
        path: the file or folder, for the message.

    Raises:
        StoreError: it was written by a newer version, or notes no version.
    """
    if not isinstance(found, int):
        raise StoreError(f"{path} was not written by elimctl prepare", hint="run elimctl prepare again")
    refuse_newer(found, path)


def refuse_newer(found: object, path: Path) -> None:
    """Check that a file may be replaced by one of this elimctl; what is damaged may be.

    Args:
        found: what the file says its format version is.
        path: the file, for the message.

    Raises:
        StoreError: it was written by a newer version.
    """
    if isinstance(found, int) and found > FORMAT:
        raise StoreError(
            f"{path} has format {found}, written by a newer elimctl; this one reads formats up to {FORMAT}",
            hint="upgrade elimctl: pip install --upgrade elimctl",
        )
