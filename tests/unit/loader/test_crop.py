import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.functional import center_crop

from elimctl.errors import ConfigError
from elimctl.loader.crop import centre, cut, draw_crops


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


@given(st.integers(0, 40), st.integers(1, 50), st.integers(0, 100))
def test_crops_stay_inside_the_image(slack, count, seed):
    crops = draw_crops(np.random.default_rng(seed), count, slack_px=slack, hflip=0.5)
    for corner in (crops.top, crops.left):
        assert corner.min() >= 0
        assert corner.max() <= slack


def test_every_position_is_drawn_and_half_the_images_are_flipped():
    crops = draw_crops(np.random.default_rng(0), 20_000, slack_px=4, hflip=0.5)
    counts = np.bincount(crops.top * 5 + crops.left, minlength=25)
    assert counts.min() > 20_000 / 25 * 0.8  # 5 standard deviations of a binomial with p = 1/25
    assert abs(crops.flip.mean() - 0.5) < 0.02  # 5 standard deviations


@given(
    side_px=st.integers(1, 40),
    crop_px=st.integers(1, 40),
    count=st.integers(0, 5),
    flip=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 100),
)
def test_cut_agrees_with_numpy_on_windows_and_flips(side_px, crop_px, count, flip, seed):
    crop_px = min(crop_px, side_px)
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, side_px, side_px, 3), dtype=np.uint8)
    images.flags.writeable = False  # as those of a store are
    crops = draw_crops(rng, count, slack_px=side_px - crop_px, hflip=flip)
    out = np.empty((count, crop_px, crop_px, 3), np.uint8)
    cut(iter(images), crops, out=out)
    for image, found, top, left, flipped in zip(images, out, crops.top, crops.left, crops.flip, strict=True):
        window = image[top : top + crop_px, left : left + crop_px]
        np.testing.assert_array_equal(found, window[:, ::-1] if flipped else window)


def test_cut_wants_an_image_for_every_crop():
    crops = draw_crops(np.random.default_rng(0), 3, slack_px=0, hflip=0.0)
    with pytest.raises(ValueError, match="zip"):
        cut(np.zeros((2, 4, 4, 3), np.uint8), crops, out=np.empty((3, 4, 4, 3), np.uint8))
