"""What is drawn in the plane."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from elimctl.figures.plane import COVERED_95, ellipse, outside, plane, signed
from elimctl.figures.style import LIGHT


def test_an_ellipse_holds_the_share_that_it_claims():
    rng = np.random.default_rng(0)
    covariance = np.array([[0.04, 0.03], [0.03, 0.09]])
    points = rng.multivariate_normal([0.1, -0.2], covariance, 20_000)
    axes = Figure().subplots()
    ellipse(axes, np.array([0.1, -0.2]), covariance, squared=COVERED_95)
    inside = axes.patches[0].get_path()
    shown = axes.patches[0].get_patch_transform().transform_path(inside)
    # of 20,000 draws the share has a standard deviation of 0.0015
    assert shown.contains_points(points).mean() == pytest.approx(0.95, abs=0.006)


def test_a_constant_has_no_ellipse():
    axes = Figure().subplots()
    ellipse(axes, np.zeros(2), np.zeros((2, 2)), squared=1)
    assert not axes.patches


def test_the_plane_has_one_scale_and_room_for_what_lies_beyond():
    axes = Figure().subplots()
    plane(axes, look=LIGHT, reach=1.5)
    assert axes.get_aspect() == 1
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("valence", "arousal")
    assert axes.get_xlim() == axes.get_ylim() == (-1.56, 1.56)


@pytest.mark.parametrize(("value", "text"), [(0.126, "+0.13"), (-0.5, "−0.50"), (-0.001, "+0.00")])
def test_values_have_a_sign_of_their_own_width(value, text):
    assert signed(value) == text


def test_the_plane_ends_where_a_wild_prediction_would_leave_no_room_for_others():
    axes = Figure().subplots()
    assert plane(axes, look=LIGHT, reach=99.0) == axes.get_xlim()[1] == pytest.approx(1.56)


def test_what_lies_outside_is_counted():
    preds = np.array([[0.0, 1.56], [0.0, -1.57], [2.0, 2.0]])
    assert outside(preds, 1.56) == " 2 of 3 predictions lie outside, beyond ±1.56."
    assert outside(preds[:2, 1], 1.56) == " 1 of 2 predictions lies outside, beyond ±1.56."
    assert outside(preds[:1], 1.56) == ""
