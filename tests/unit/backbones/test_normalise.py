"""Normalisation of pixels."""

import pytest
import torch
from torchvision.transforms.v2 import functional as transforms

from elimctl.backbones.normalise import Normalise

# of ImageNet's red, green and blue, as torchvision's pretrained weights want them
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@pytest.fixture
def images():
    """NHWC memory seen as NCHW, as the loader gives it."""
    pixels = torch.randint(
        0, 256, (3, 5, 7, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    return pixels.permute(0, 3, 1, 2)


def test_agrees_with_torchvision(images):
    expected = transforms.normalize(transforms.to_dtype(images, torch.float32, scale=True), MEAN, STD)
    # two roundings of float32 at values up to 2.7
    assert torch.allclose(Normalise()(images), expected, atol=1e-6, rtol=0)


def test_white_is_worth_another_number_in_every_channel():
    white = Normalise()(torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)).flatten()
    # (1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225
    assert white.tolist() == pytest.approx([2.2489083, 2.4285714, 2.64], abs=1e-6)


def test_floats_from_0_to_255_are_the_same_pixels(images):
    normalise = Normalise()
    assert torch.equal(normalise(images.float()), normalise(images))
    assert torch.equal(normalise(images.double()), normalise(images))


def test_memory_format_is_kept(images):
    assert Normalise()(images).is_contiguous(memory_format=torch.channels_last)
    assert Normalise()(images.contiguous()).is_contiguous()


def test_nothing_is_saved_with_the_model_but_the_constants_follow_it():
    normalise = Normalise()
    assert normalise.state_dict() == {}
    assert {buffer.device.type for buffer in normalise.to("meta").buffers()} == {"meta"}


def test_result_is_float32_under_autocast(images):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert Normalise()(images).dtype == torch.float32
