"""Saved predictions as a run has them, and prepared datasets of patterns."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elimctl.faces.align import CropOptions
from elimctl.manifest import columns, parquet
from elimctl.manifest.parquet import FORMAT
from elimctl.predict.table import CLASS_SCHEMA, SCHEMA
from elimctl.store.images import encode_unit, write_images

CLASSES = ("neutral", "happiness", "sadness")


def _written(file, schema, identities, frames, columns, protocol):
    """A file of samples of identities, two clips each of `frames` frames.

    Of the protocol, `keep` are the rows that are written, all if not told otherwise, and `unknown` the
    numbers of identities that are called `none`.
    """
    keep, unknown = protocol.pop("keep", None), protocol.pop("unknown", ())
    count = identities * 2 * frames
    person = np.repeat(np.arange(identities), 2 * frames)
    clip = np.tile(np.repeat([1, 2], frames), identities)
    frame = np.tile(np.arange(frames), 2 * identities)
    facts = {"run": file.stem, "step": 10, "dataset": "faces", "manifest": "0" * 64}
    facts |= {"fold": 0, "split": "val"}
    table = pa.table(
        {
            "row": np.arange(count) + 100,
            "path": [f"{number:05d}.png" for number in range(count)],
            "identity": ["none" if who in unknown else f"Actor {who:02d}" for who in person],
            "clip": [f"clip {which}" for which in clip],
            "frame": frame,
            **columns,
        }
    ).cast(schema)
    if keep is not None:
        table = table.take(keep)
    pq.write_table(table.replace_schema_metadata({"protocol": json.dumps(facts | protocol)}), file)
    return file


@pytest.fixture
def save(tmp_path):
    """A function that writes predictions of valence and arousal."""

    def write(name="one", *, identities=12, frames=5, seed=0, noise=0.2, preds=None, **protocol):
        rng = np.random.default_rng(7)
        person = np.repeat(np.arange(identities), 2 * frames)
        target = rng.uniform(-1, 1, (len(person), 2)).round(1)
        own = np.random.default_rng(seed)
        if preds is None:
            offset = own.normal(0, noise, (identities, 2))[person]
            preds = 0.7 * target + offset + own.normal(0, noise, target.shape)
        columns = dict(zip(SCHEMA.names[5:], [*target.T, *np.asarray(preds, np.float32).T], strict=True))
        return _written(tmp_path / f"{name}.parquet", SCHEMA, identities, frames, columns, protocol)

    return write


@pytest.fixture
def save_classes(tmp_path):
    """A function that writes predictions of classes."""

    def write(name="one", *, identities=12, frames=5, seed=0, right=0.6, **protocol):
        rng, own = np.random.default_rng(7), np.random.default_rng(seed)
        count = identities * 2 * frames
        true = rng.integers(0, 3, count)
        found = np.where(own.random(count) < right, true, own.integers(0, 3, count))
        columns = {
            "expression": np.array(CLASSES)[true],
            "expression_pred": np.array(CLASSES)[found],
            "probability": np.full(count, 0.5, np.float32),
        }
        file = tmp_path / f"{name}.parquet"
        return _written(file, CLASS_SCHEMA, identities, frames, columns, {"classes": CLASSES, **protocol})

    return write


SIDE_PX, SHARD = 64, 8


@pytest.fixture
def patterns() -> Callable[[list[int]], np.ndarray]:
    """A function that draws an image of each of some people, each image with noise of its own."""

    def draw(people: list[int]) -> np.ndarray:
        noise = np.random.default_rng(99)
        images = []
        for person in people:
            coarse = np.random.default_rng(person).integers(0, 256, (4, 4, 3), dtype=np.uint8)
            image = cv2.resize(coarse, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC).astype(np.int64)
            images.append(np.clip(image + noise.integers(-20, 21, image.shape), 0, 255).astype(np.uint8))
        return np.stack(images)

    return draw


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a prepared dataset of given images; columns not given are filled in."""

    def write(images: np.ndarray, *, folds: int = 2, **given: list) -> Path:
        count, folder = len(images), tmp_path / "data" / "patterns"
        folder.mkdir(parents=True)
        status = given.get("status", ["kept"] * count)
        kept = np.array([value == "kept" for value in status])
        units, digests = [], []
        for start in range(0, count, SHARD):
            part = slice(start, start + SHARD)
            encoded = encode_unit(images[part], kept[part], codec="raw", shard_images=SHARD)
            units.append(tmp_path / f"{start}.unit")
            units[-1].write_bytes(encoded.content)
            digests += encoded.sha256
        crop = CropOptions(size_px=SIDE_PX).model_dump(mode="json")
        write_images(
            folder,
            (count, SIDE_PX, SIDE_PX, 3),
            units,
            kind="zarr",
            codec="raw",
            shard_images=SHARD,
            attributes={"crop": crop},
        )
        values = {
            **dict.fromkeys(columns.schema().names, [None] * count),
            "row": list(range(count)),
            "path": [f"{number:03d}.png" for number in range(count)],
            "identity": [f"i{number:03d}" for number in range(count)],
            "clip": [f"c{number:03d}" for number in range(count)],
            "frame": [0] * count,
            "image_sha256": digests,
            "status": status,
            **given,
        }
        settings = {"store": "zarr", "codec": "raw", "crop": crop, "folds": folds, "seed": 0}
        facts = {"dataset": "patterns", "settings": settings}
        parquet.write(folder / parquet.NAME, pa.table(values, schema=columns.schema()), metadata=facts)
        record = {
            **facts,
            "format": FORMAT,
            "inputs": "0",
            "counts": {"found": count, "kept": int(kept.sum()), "dropped": {}},
            "manifest_sha256": parquet.digest(folder / parquet.NAME),
        }
        (folder / "prepare.json").write_text(json.dumps(record), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def change() -> Callable[..., None]:
    """A function that writes other values into columns of a prepared dataset's manifest."""

    def write(folder: Path, **given: list) -> None:
        table = parquet.read(folder)
        for name, values in given.items():
            field = table.schema.field(name)
            place = table.schema.get_field_index(name)
            table = table.set_column(place, field, pa.array(values, field.type))
        parquet.write(folder / parquet.NAME, table, metadata={})

    return write
