import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elimctl.datasets.anamorphic import pixel_aspect
from elimctl.datasets.imitation import write_image


@pytest.fixture
def image(tmp_path: Path):
    """A function that writes an image of a size."""

    def write(width_px: int, height_px: int) -> Path:
        write_image(tmp_path / "x.png", np.zeros((height_px, width_px, 3), np.uint8))
        return tmp_path / "x.png"

    return write


@pytest.mark.parametrize(
    ("size_px", "wanted"), [((720, 576), 4 / 3), ((576, 720), 1.0), ((720, 575), 1.0), ((960, 576), 1.0)]
)
def test_only_frames_of_a_dvd_have_wide_pixels(image, size_px: tuple[int, int], wanted: float) -> None:
    assert pixel_aspect(image(*size_px)) == wanted


@pytest.mark.parametrize("content", [None, b"", b"no image"])
def test_what_cannot_be_read_has_square_pixels(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x.png").write_bytes(content)
    assert pixel_aspect(tmp_path / "x.png") == 1.0


@pytest.mark.parametrize("limit_px", [1500, 500], ids=["Pillow would warn", "Pillow refuses"])
def test_a_huge_image_has_square_pixels(image, monkeypatch: pytest.MonkeyPatch, limit_px: int) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit_px)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert pixel_aspect(image(50, 40)) == 1.0  # 2000 pixels
    assert not warned
