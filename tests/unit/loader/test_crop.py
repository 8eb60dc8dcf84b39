import numpy as np
import pytest
import torch
from torchvision.transforms.functional import center_crop

from elimctl.errors import ConfigError
from elimctl.loader.crop import centre


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (2, 20, 20, 3), dtype=np.uint8)


@pytest.mark.parametrize("crop_px", [2, 12, 16, 20])
def test_it_agrees_with_torchvision(images, crop_px):
    expected = center_crop(torch.from_numpy(images).permute(0, 3, 1, 2), [crop_px, crop_px])
    # even borders only: torchvision rounds an odd one half to even
    np.testing.assert_array_equal(centre(images, crop_px), expected.permute(0, 2, 3, 1).numpy())


def test_an_odd_border_is_smaller_above_and_left(images):
    np.testing.assert_array_equal(centre(images, 17), images[:, 1:18, 1:18])


def test_it_copies_nothing(images):
    assert np.shares_memory(centre(images, 12), images)


@pytest.mark.parametrize("crop_px", [21, 0, -1])
def test_a_crop_that_does_not_fit_is_an_error_with_both_sizes(images, crop_px):
    with pytest.raises(ConfigError, match=rf"crop of {crop_px} px does not fit .* 20x20 px") as error:
        centre(images, crop_px)
    assert error.value.hint
