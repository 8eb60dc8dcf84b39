"""Stores for the tests of this room."""

from pathlib import Path

import numpy as np
import pytest

from elimctl.store import hdf5, zarr

SHARD_IMAGES = 4
DROPPED = (2, 8, 9, 10)  # 8 to 10 are all of the last shard


@pytest.fixture(scope="session")
def stored() -> np.ndarray:
    """(11, 6, 6, 3) random images, those of dropped rows zeros."""
    images = np.random.default_rng(0).integers(0, 256, (11, 6, 6, 3), dtype=np.uint8)
    images[list(DROPPED)] = 0
    return images


@pytest.fixture
def dataset(stored: np.ndarray, tmp_path: Path) -> Path:
    """A folder with the same images in both stores."""
    shards = []
    for start in range(0, len(stored), SHARD_IMAGES):
        shards.append(tmp_path / f"{start}.shard")
        shards[-1].write_bytes(
            zarr.encode_shard(stored[start : start + SHARD_IMAGES], shard_images=SHARD_IMAGES)
        )
    noted = {"crop": {"size_px": 6}}
    folder = tmp_path / "data"
    zarr.write(folder / zarr.NAME, stored.shape, shards, shard_images=SHARD_IMAGES, attributes=noted)
    hdf5.write(folder / hdf5.NAME, stored.shape, [stored[:3], stored[3:]], attributes=noted)
    return folder
