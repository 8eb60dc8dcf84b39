import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elimctl.loader.augment import Crops, cut, draw_crops


@given(st.integers(0, 40), st.integers(1, 50), st.integers(0, 100))
def test_crops_stay_inside_the_image(slack, count, seed):
    crops = draw_crops(np.random.default_rng(seed), count, slack_px=slack, flip=0.5)
    for corner in (crops.top, crops.left):
        assert corner.min() >= 0
        assert corner.max() <= slack


def test_every_position_is_drawn_and_half_the_images_are_flipped():
    crops = draw_crops(np.random.default_rng(0), 20_000, slack_px=4, flip=0.5)
    counts = np.bincount(crops.top * 5 + crops.left, minlength=25)
    assert counts.min() > 20_000 / 25 * 0.8  # 5 standard deviations of a binomial with p = 1/25
    assert abs(crops.flip.mean() - 0.5) < 0.02  # 5 standard deviations


def test_cut_takes_the_window_and_flips_left_and_right():
    images = np.arange(2 * 6 * 6 * 3, dtype=np.uint8).reshape(2, 6, 6, 3)
    crops = Crops(np.array([1, 2]), np.array([0, 2]), np.array([False, True]))
    out = cut(images, crops, crop_px=4)
    np.testing.assert_array_equal(out[0], images[0, 1:5, 0:4])
    np.testing.assert_array_equal(out[1], images[1, 2:6, 2:6][:, ::-1])
    assert out.flags.c_contiguous
