from dataclasses import asdict

import numpy as np

from elimctl.synthetic.face.scene import draw_view, jitter


def test_a_long_walk_stays_within_the_poses_that_views_are_drawn_from():
    rng = np.random.default_rng(0)
    view = draw_view(rng)
    for _ in range(500):
        view = jitter(view, rng)
        assert abs(view.yaw) <= 20
        assert abs(view.pitch) <= 10
        assert abs(view.roll) <= 12
        assert max(abs(view.right), abs(view.down)) <= 1


def test_a_clip_keeps_its_room_and_its_light():
    rng = np.random.default_rng(1)
    view = draw_view(rng)
    before, after = asdict(view), asdict(jitter(view, rng))
    moved = {name for name in before if before[name] != after[name]}
    assert moved == {"yaw", "pitch", "roll", "right", "down", "gaze_x", "gaze_y", "noise_seed"}


def test_views_vary():
    views = [draw_view(np.random.default_rng(seed)) for seed in range(200)]
    assert np.std([view.yaw for view in views]) > 5
    assert np.std([view.roll for view in views]) > 3
    assert np.ptp([view.size for view in views]) > 0.2
