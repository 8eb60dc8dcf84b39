"""A prepared dataset written anew: in another store, coded otherwise, or with its rows in another order."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from elimctl import atomic
from elimctl.errors import StoreError
from elimctl.manifest import parquet
from elimctl.prepare import assemble
from elimctl.store.codec import Codec
from elimctl.store.images import (
    NAMES,
    Encoded,
    Images,
    Kind,
    encode_chunks,
    encode_unit,
    open_images,
    write_images,
)


def rewrite(
    source: Path,
    out: Path,
    table: pa.Table,
    order: np.ndarray,
    *,
    kind: Kind,
    codec: Codec,
    record: dict[str, Any],
) -> None:
    """Write a prepared dataset from the images of one that there is; see `rewriting`."""
    for _ in rewriting(source, out, table, order, kind=kind, codec=codec, record=record):
        pass


def rewriting(
    source: Path,
    out: Path,
    table: pa.Table,
    order: np.ndarray,
    *,
    kind: Kind,
    codec: Codec,
    record: dict[str, Any],
) -> Iterator[int]:
    """Write a prepared dataset from the images of one that there is, telling how far it is.

    Pixels that stay pixels and JPEG files that stay JPEG files are copied as they are, so nothing is lost;
    between the two, images are coded anew and `image_sha256` with them. Until the last moment `out` is as it
    was. Nobody else may be writing there: hold its lock.

    Args:
        source: folder of the dataset that has the images.
        out: folder of the dataset to write; `source` itself is replaced.
        table: the manifest to write, but for `image_sha256`, which is that of the source.
        order: (N,) number in the source of each row's image.
        kind: of the store to write.
        codec: of its images.
        record: prepare.json as it shall be, but for the store's settings and the hash of the manifest.

    Yields:
        Numbers of images that were written since the last.

    Raises:
        StoreError: the source is damaged: an image is not the one that the manifest names.
        OSError: the disk is full, or the folder cannot be written; nothing is left but the old dataset.
    """
    assert len(order) == table.num_rows, f"{len(order)} images for {table.num_rows} rows"
    reader = open_images(source)
    staging = out / assemble.STAGING
    shutil.rmtree(staging, ignore_errors=True)
    units = staging / "units"
    units.mkdir(parents=True)
    try:
        files: list[Path] = []
        digests: list[pa.Array] = []  # as strings of Python they would take twice the memory
        for start in range(0, len(order), reader.shard_images):
            rows = table.slice(start, reader.shard_images)
            encoded = _encode(reader, rows, order[start : start + rows.num_rows], codec)
            files.append(units / f"{start}.unit")
            atomic.write_bytes(files[-1], encoded.content)
            digests.append(pa.array(encoded.sha256, pa.string()))
            yield rows.num_rows
        name = write_images(
            staging,
            (len(order), *reader.shape[1:]),
            files,
            kind=kind,
            codec=codec,
            shard_images=reader.shard_images,
            attributes=reader.attributes,
        )
        settings = {**record["settings"], "store": kind, "codec": codec}
        _write_records(staging, table, digests, {**record, "settings": settings})
    except BaseException:  # an interrupt, and a caller who stops asking, too
        shutil.rmtree(staging, ignore_errors=True)
        raise
    assemble.exchange(staging, name, out)  # stopped in here, what is staged is needed by `finish`
    _tidy(out)


def finish(out: Path) -> bool:
    """Complete the exchange of a dataset that was stopped in the middle of it.

    Args:
        out: the dataset's folder; hold its lock.

    Returns:
        Whether there was one.
    """
    staging = out / assemble.STAGING
    if (out / parquet.NAME).exists() or not _is_complete(staging, out):
        return False
    stores = [name for name in NAMES if (staging / name).exists()]
    if stores:
        assemble.exchange(staging, stores[0], out)
    else:  # the images are renamed first, the manifest last
        for name in (assemble.RECORD, parquet.NAME):
            if (staging / name).exists():
                (staging / name).replace(out / name)
        atomic.sync(out)
    _tidy(out)
    return True


def _tidy(out: Path) -> None:
    """Remove what is left of an exchange."""
    for name in (assemble.STAGING, assemble.REPLACED):
        shutil.rmtree(out / name, ignore_errors=True)


def _is_complete(staging: Path, out: Path) -> bool:
    """Whether a new dataset was put together as a whole; its record, the last file of it, may have moved."""
    manifest = staging / parquet.NAME
    records = [folder / assemble.RECORD for folder in (staging, out) if (folder / assemble.RECORD).exists()]
    if not manifest.exists() or not records:
        return False
    try:
        noted = json.loads(records[0].read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(noted, dict) and noted.get("manifest_sha256") == parquet.digest(manifest)


def _encode(reader: Images, rows: pa.Table, order: np.ndarray, codec: Codec) -> Encoded:
    """The unit of some rows.

    Raises:
        StoreError: an image is not the one that its row names.
    """
    kept = np.array([status == "kept" for status in rows["status"].to_pylist()])
    if reader.codec == codec:
        stored = iter(reader.chunks(order[kept]))
        chunks = [next(stored) if keep else None for keep in kept]
        encoded = encode_chunks(chunks, reader.image_bytes, codec=codec, shard_images=reader.shard_images)
        _compare(reader, rows, order, encoded.sha256)
        return encoded
    digests = [
        reader.digests([number])[0] if keep else None for keep, number in zip(kept, order, strict=True)
    ]
    _compare(reader, rows, order, digests)
    images = np.zeros((len(order), *reader.shape[1:]), np.uint8)
    images[kept] = reader.read(order[kept])
    return encode_unit(images, kept, codec=codec, shard_images=reader.shard_images)


def _compare(reader: Images, rows: pa.Table, order: np.ndarray, digests: Sequence[str | None]) -> None:
    """Check that images are those that the manifest names: damage must not be taken over."""
    known = rows["image_sha256"].to_pylist()
    for number, found, wanted in zip(order.tolist(), digests, known, strict=True):
        if found != wanted:
            raise StoreError(
                f"image {number} of {reader.path} has sha256 {found}, its manifest says {wanted}",
                hint="run elimctl data verify, and elimctl prepare --force where it finds damage",
            )


def _write_records(
    staging: Path, table: pa.Table, digests: Sequence[pa.Array], record: dict[str, Any]
) -> None:
    """Write the manifest with the digests of the images, and the record with its hash."""
    place = table.schema.get_field_index("image_sha256")
    column = pa.chunked_array(digests, table.schema.field(place).type)
    manifest = staging / parquet.NAME
    parquet.write(
        manifest,
        table.set_column(place, table.schema.field(place), column),
        metadata={"dataset": record["dataset"], "settings": record["settings"]},
    )
    noted = {**record, "manifest_sha256": parquet.digest(manifest)}
    atomic.write_text(staging / assemble.RECORD, json.dumps(noted, indent=2) + "\n")
