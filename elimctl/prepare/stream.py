"""A manifest in batches of rows, for what must not grow with their number."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet as arrow_parquet

from elimctl.errors import StoreError
from elimctl.manifest import columns, parquet
from elimctl.store import features


def batches(folder: Path, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Columns of a manifest, some thousand rows at a time, in order.

    Args:
        folder: the dataset's folder.
        names: the columns.

    Raises:
        StoreError: the manifest is missing, damaged, of other columns, or written by a newer elimctl.
    """
    path = folder / parquet.NAME
    if not path.exists():
        raise StoreError(f"no manifest {path}", hint="run elimctl prepare")
    parquet.check(parquet.noted_format(path), path)
    try:
        with arrow_parquet.ParquetFile(path) as file:
            if not file.schema_arrow.equals(columns.schema()):
                raise StoreError(
                    f"{path} has the columns {', '.join(file.schema_arrow.names)}; "
                    f"wanted {', '.join(columns.schema().names)}, of the types in columns.toml",
                    hint="run elimctl prepare again",
                )
            yield from file.iter_batches(batch_size=parquet.GROUP, columns=list(names))
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{path} is damaged: {error}", hint="run elimctl prepare again") from None


def content(folder: Path) -> str:
    """Hash of the images of a dataset in their order, the fact `content` of a key of features.

    Raises:
        StoreError: the manifest cannot be read.
    """
    return features.content(
        digest for batch in batches(folder, ["image_sha256"]) for digest in batch["image_sha256"].to_pylist()
    )
