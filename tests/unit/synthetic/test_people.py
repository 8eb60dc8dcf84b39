import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.synthetic import people


@given(st.integers(0, 2**32), st.integers(1, 50))
def test_labels_stay_in_the_unit_disc(seed: int, frames: int) -> None:
    path = people.trajectory(np.random.default_rng(seed), frames=frames)
    assert path.shape == (frames, 2)
    assert np.hypot(*path.T).max() <= 1 + 1e-12  # rounding


def test_labels_move_smoothly() -> None:
    for seed in range(50):
        path = people.trajectory(np.random.default_rng(seed), frames=100)
        # The speed of a quadratic Bezier curve is at most twice the largest side of its polygon, here 2.
        assert np.abs(np.diff(path, axis=0)).max() <= 2 * 2 / 99 + 1e-12


def test_clips_together_cover_the_range_of_labels() -> None:
    clips = [people.trajectory(np.random.default_rng(seed), frames=10) for seed in range(24)]
    labels = np.concatenate(clips)
    assert labels.min(axis=0).max() < -0.7
    assert labels.max(axis=0).min() > 0.7
    assert labels.std(axis=0).min() > 0.3


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_an_image_is_written_as_rgb(tmp_path, suffix: str) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 200
    people.write_image(tmp_path / f"x{suffix}", image)
    blue, green, red = cv2.imread(str(tmp_path / f"x{suffix}"))[4, 4].tolist()
    assert red > 190
    assert max(blue, green) < 10
