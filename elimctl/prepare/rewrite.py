"""Rewrite a prepared dataset: in another store or codec, or with its rows in another order."""

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
) -> Iterator[int]:
    """Write a prepared dataset from the images of another; `out` is unchanged until the last step.

    Without a change of codec, images are copied without loss. Between pixels and JPEG files, images are
    encoded again and get a new `image_sha256`. The caller holds the lock of `out`.

    Args:
        source: folder of the dataset with the images.
        out: folder to write; may be `source`, which is then replaced.
        table: the manifest to write, with the `image_sha256` of the source.
        order: (N,) number in the source of each row's image.
        kind: kind of the store to write.
        codec: codec of its images.
        record: content of prepare.json; the settings of the store and the manifest's hash are replaced.

    Yields:
        Number of images written since the last step.

    Raises:
        StoreError: the source is damaged: an image does not have the hash of the manifest.
        OSError: the disk is full, or the folder cannot be written; only the old dataset is left.
    """
    assert len(order) == table.num_rows, f"{len(order)} images for {table.num_rows} rows"
    reader = open_images(source)
    staging = out / assemble.STAGING
    shutil.rmtree(staging, ignore_errors=True)
    units = staging / "units"
    units.mkdir(parents=True)
    try:
        files: list[Path] = []
        digests: list[pa.Array] = []  # Python strings would take twice the memory
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
    except BaseException:  # also an interrupt, or a caller that stops iterating
        shutil.rmtree(staging, ignore_errors=True)
        raise
    assemble.exchange(staging, name, out)  # after a stop in here, `finish` needs the staging folder
    _tidy(out)


def finish(out: Path) -> bool:
    """Complete an interrupted exchange of a dataset and return whether there was one; hold its lock."""
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
    for name in (assemble.STAGING, assemble.REPLACED):
        shutil.rmtree(out / name, ignore_errors=True)


def _is_complete(staging: Path, out: Path) -> bool:
    """Whether a staged dataset is complete; its record, written last, may have moved to `out`."""
    manifest = staging / parquet.NAME
    records = [folder / assemble.RECORD for folder in (staging, out) if (folder / assemble.RECORD).exists()]
    if not manifest.exists() or not records:
        return False
    try:
        record = json.loads(records[0].read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(record, dict) and record.get("manifest_sha256") == parquet.digest(manifest)


def _encode(reader: Images, rows: pa.Table, order: np.ndarray, codec: Codec) -> Encoded:
    """Encode the unit of some rows; StoreError if an image does not have the hash of its row."""
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
    """Compare the hashes of images with the manifest, so that no damage is copied."""
    recorded = rows["image_sha256"].to_pylist()
    for number, digest, wanted in zip(order.tolist(), digests, recorded, strict=True):
        if digest != wanted:
            raise StoreError(
                f"image {number} of {reader.path} has sha256 {digest}, its manifest says {wanted}",
                hint="run elimctl data verify; if it finds damage, run elimctl prepare --force",
            )


def _write_records(
    staging: Path, table: pa.Table, digests: Sequence[pa.Array], record: dict[str, Any]
) -> None:
    """Write the manifest with the digests of the images, and the record with the manifest's hash."""
    place = table.schema.get_field_index("image_sha256")
    column = pa.chunked_array(digests, table.schema.field(place).type)
    manifest = staging / parquet.NAME
    parquet.write(
        manifest,
        table.set_column(place, table.schema.field(place), column),
        metadata={"dataset": record["dataset"], "settings": record["settings"]},
    )
    record = {**record, "manifest_sha256": parquet.digest(manifest)}
    atomic.write_text(staging / assemble.RECORD, json.dumps(record, indent=2) + "\n")
