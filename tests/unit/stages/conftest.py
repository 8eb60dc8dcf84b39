"""Prepared datasets of patterns: an identity is a pattern, a frame the pattern with some noise."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from elimctl.faces.align import CropOptions
from elimctl.manifest import columns, parquet
from elimctl.manifest.version import FORMAT
from elimctl.store.images import encode_unit, write_images

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
            encoded = encode_unit(images[part], kept[part], coding="raw", shard_images=SHARD)
            units.append(tmp_path / f"{start}.unit")
            units[-1].write_bytes(encoded.content)
            digests += encoded.sha256
        crop = CropOptions(size_px=SIDE_PX).model_dump(mode="json")
        write_images(
            folder,
            (count, SIDE_PX, SIDE_PX, 3),
            units,
            kind="zarr",
            coding="raw",
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
        settings = {"store": "zarr", "coding": "raw", "crop": crop, "folds": folds, "seed": 0}
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
