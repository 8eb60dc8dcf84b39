"""What a network sees of stored crops of any size."""

import numpy as np
import pytest

from elimctl.errors import ConfigError
from elimctl.loader.view import View


def ramp(side_px, *, per_px):
    """One image whose brightness rises from left to right by `per_px` each pixel."""
    row = (np.arange(side_px) * per_px).astype(np.uint8)
    return np.broadcast_to(row[None, None, :, None], (1, side_px, side_px, 3)).copy()


def test_crops_of_the_size_of_training_are_cut_and_not_resampled():
    images = np.random.default_rng(0).integers(0, 256, (2, 9, 9, 3), np.uint8)
    seen = View(6, 9).apply(images)
    np.testing.assert_array_equal(seen, images[:, 1:7, 1:7])
    assert np.shares_memory(seen, images)


def test_of_crops_twice_as_large_the_same_part_is_seen_as_means_of_four_pixels():
    # 12 px at 72 = 10 20 30 ... for training on 6 px: pixels 0 and 1 have mean 5, 2 and 3 have mean 25
    seen = View(4, 6).apply(ramp(12, per_px=10))
    assert seen.shape == (1, 4, 4, 3)
    assert seen[0, 0, :, 0].tolist() == [25, 45, 65, 85]  # not 40 50 60 70, the middle of the larger crop


def test_stripes_that_are_finer_than_a_pixel_become_their_mean():
    # every fourth column is 200: a mean of 50; a sample between the middle columns would be 0
    stripes = np.where(np.arange(32) % 4 == 0, 200, 0).astype(np.uint8)
    images = np.broadcast_to(stripes[None, None, :, None], (1, 32, 32, 3)).copy()
    np.testing.assert_array_equal(View(6, 8).apply(images), np.full((1, 6, 6, 3), 50))


def test_the_share_need_not_be_of_whole_pixels():
    # 64 of 72 px are 227.6 of 256 px, from 14.2 px on; its first pixel is the mean of 14.2 to 17.8 px,
    # where brightness is x - 0.5
    seen = View(64, 72).apply(ramp(256, per_px=1))
    assert seen[0, 0, [0, 31, 32, 63], 0].tolist() == pytest.approx([15.5, 125.7, 129.3, 239.5], abs=0.6)


def test_smaller_crops_are_enlarged():
    # pixel centres of 8 px lie at 0.25, 0.75, 1.25, ... of 4 px, whose values are 0 40 80 120
    seen = View(4, 8).apply(ramp(4, per_px=40))
    assert seen[0, 0, :, 0].tolist() == [30, 50, 70, 90]


def test_where_the_size_of_training_is_unknown_the_centre_is_seen_as_it_is():
    images = np.random.default_rng(0).integers(0, 256, (1, 9, 9, 3), np.uint8)
    np.testing.assert_array_equal(View(6, None).apply(images), images[:, 1:7, 1:7])
    assert View(12, None).apply(images).shape == (1, 12, 12, 3)


def test_views_of_another_share_have_another_name():
    assert len({View(64, 72).name, View(64, 144).name, View(64, None).name, View(32, 72).name}) == 4


def test_training_crops_that_are_smaller_than_the_image_are_refused():
    with pytest.raises(ConfigError, match="64 px does not fit stored images of 56x56 px"):
        View(64, 56).apply(np.zeros((1, 56, 56, 3), np.uint8))
