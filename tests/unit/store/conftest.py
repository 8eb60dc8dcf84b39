"""Stores for the tests of this room."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from elimctl.store import hdf5, images, zarr

SHARD_IMAGES = 4
DROPPED = (2, 8, 9, 10)  # 8 to 10 are all of the last unit
BLACK = 5  # kept, though nothing is to be seen
NOTED = {"crop": {"size_px": 16}}
KINDS = ("zarr", "hdf5")
CODECS = ("raw", "blosc", "jpeg")
NAMES = {"zarr": zarr.NAME, "hdf5": hdf5.NAME}

Make = Callable[..., Path]


@pytest.fixture(scope="session")
def kept() -> np.ndarray:
    """(11,) which images are kept."""
    return ~np.isin(np.arange(11), DROPPED)


@pytest.fixture(scope="session")
def stored(kept: np.ndarray) -> np.ndarray:
    """(11, 16, 16, 3) blurred noise, so that JPEG is close to it; images of dropped rows are zeros."""
    noise = np.random.default_rng(0).integers(0, 256, (11, 16, 16, 3), dtype=np.uint8)
    found = np.stack([cv2.GaussianBlur(image, (0, 0), 3) for image in noise])
    found[~kept] = 0
    found[BLACK] = 0
    return found


@pytest.fixture
def make(stored: np.ndarray, kept: np.ndarray, tmp_path: Path) -> Make:
    """A function that writes the images into a folder, by kind and codec."""

    def write(kind: str, codec: str, folder: Path | None = None) -> Path:
        folder = folder or tmp_path / f"{kind}-{codec}"
        folder.mkdir()
        units = []
        for start in range(0, len(stored), SHARD_IMAGES):
            part = slice(start, start + SHARD_IMAGES)
            encoded = images.encode_unit(stored[part], kept[part], codec=codec, shard_images=SHARD_IMAGES)
            units.append(tmp_path / f"{folder.name}.{start}.unit")
            units[-1].write_bytes(encoded.content)
        options = {"kind": kind, "codec": codec, "shard_images": SHARD_IMAGES, "attributes": NOTED}
        name = images.write_images(folder, stored.shape, units, **options)
        assert name == NAMES[kind]
        return folder

    return write


@pytest.fixture(params=[(kind, codec) for kind in KINDS for codec in CODECS], ids="-".join)
def made(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Kind and codec of a store."""
    return request.param


@pytest.fixture
def dataset(made: tuple[str, str], make: Make) -> Path:
    """A folder with a store, of every kind and codec."""
    return make(*made)
