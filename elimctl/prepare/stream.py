"""Read a manifest in batches of rows, so that memory does not grow with their number."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet as arrow_parquet

from elimctl.errors import StoreError
from elimctl.manifest import columns, parquet
from elimctl.store import features


def batches(folder: Path, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Iterate over the named columns of the manifest in a dataset's folder, some thousand rows at a time.

    Raises:
        StoreError: the manifest is missing, damaged, has other columns, or a newer elimctl wrote it.
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
                    f"wanted {', '.join(columns.schema().names)}, with the types in columns.toml",
                    hint="run elimctl prepare again",
                )
            yield from file.iter_batches(batch_size=parquet.GROUP, columns=list(names))
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{path} is damaged: {error}", hint="run elimctl prepare again") from None


def content(folder: Path) -> str:
    """Hash the images of a dataset in order, as the fact `content` of a features key does.

    Raises:
        StoreError: the manifest cannot be read.
    """
    return features.content(
        digest for batch in batches(folder, ["image_sha256"]) for digest in batch["image_sha256"].to_pylist()
    )
