"""That everyone makes the batches compared; how fast they are is for `elimctl bench`, not for tests."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from elimctl.bench import drawn, loader
from elimctl.store.images import open_images

IMAGES = 6


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images that are compared; two drawings give all of them."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawn, "DRAWN", 2)
        patch.setattr(loader, "SHARD_IMAGES", 4)
        loader._write(folder, IMAGES)
    return folder


def test_all_read_the_same_images_and_no_two_are_alike(written: Path) -> None:
    array = np.load(written / "images.npy")
    assert len(np.unique(array.reshape(IMAGES, -1), axis=0)) == IMAGES
    for store in ("zarr-raw", "hdf5-raw"):
        np.testing.assert_array_equal(open_images(written / store).read(range(IMAGES)), array)
    for decoded in (
        open_images(written / "zarr-jpeg").read(range(IMAGES)),
        np.stack([_pixels(file) for file in sorted((written / "files").iterdir())]),
    ):
        # the colours of noisy pixels are lost where JPEG halves their resolution, the picture is not
        assert np.abs(decoded.astype(int) - array).mean() < 6


def _pixels(file: Path) -> np.ndarray:
    with loader.Image.open(file) as image:
        return np.asarray(image)


def test_batches_have_the_shapes_that_training_wants(written: Path) -> None:
    for store in ("zarr-raw", "hdf5-raw", "zarr-jpeg"):
        batch = loader._ours(written / store, 3)()
        assert batch.images.shape == (3, 3, 224, 224)
        assert batch.images.dtype == torch.uint8
    reference = loader._reference(written / "files", 3)()
    assert reference.shape == (3, 3, 224, 224)
    assert abs(reference.mean()) < 3  # normalised, not 0..255


def test_a_batch_follows_the_other_without_end(written: Path) -> None:
    for make in (loader._ours(written / "zarr-raw", 4), loader._reference(written / "files", 4)):
        assert len([make() for _ in range(3)]) == 3  # of six images each epoch gives one


def test_ratios_are_to_the_limit_of_each() -> None:
    rates = loader.Rates(ours=90, reference=3, memmap=100, hdf5=80, jpeg=7, cv2_decode=10)
    assert rates.ratios == {
        "ours_to_reference": 30,
        "ours_to_memmap": 0.9,
        "hdf5_to_memmap": 0.8,
        "jpeg_to_cv2_decode": 0.7,
    }


def test_a_measurement_says_what_it_does_and_ends_with_rates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "ROUNDS", 1)
    monkeypatch.setattr(loader, "ROUND_S", 0.001)
    threads = torch.get_num_threads()
    *steps, found = loader.measure(tmp_path, images=2, batch_size=3)
    assert all(isinstance(step, str) for step in steps)
    assert isinstance(found, loader.Rates)
    assert min(asdict(found).values()) > 0
    assert torch.get_num_threads() == threads
