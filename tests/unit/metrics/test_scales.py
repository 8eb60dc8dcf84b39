import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.metrics.scales import CORRELATION, ERROR, PLAIN, SHARE, Scales

RANGES = [(PLAIN, -5, 5), (ERROR, 1e-3, 50), (SHARE, 1e-3, 0.999), (CORRELATION, -0.999, 0.999)]


@pytest.mark.parametrize(("scale", "low", "high"), RANGES)
@given(share=st.floats(0, 1))
def test_a_place_is_put_back_where_it_came_from(scale, low, high, share):
    score = np.array([low + share * (high - low)])
    np.testing.assert_allclose(scale.back(scale.of(score)), score, rtol=1e-9)


@pytest.mark.parametrize(("scale", "low", "high"), RANGES)
def test_scales_grow_with_the_score(scale, low, high):
    assert (np.diff(scale.of(np.linspace(low, high, 100))) > 0).all()


@pytest.mark.parametrize(
    ("scale", "score", "place"),
    [
        (PLAIN, 0.3, 0.3),
        (ERROR, 0.125, -4.0),  # 1/8 to the power of -2/3
        (SHARE, 0.5, 0.7853981634),  # pi / 4
        (CORRELATION, 0.5, 0.5493061443),  # half the logarithm of 3
    ],
)
def test_known_places(scale, score, place):
    assert scale.of(np.array([score])) == pytest.approx([place])


@pytest.mark.parametrize(
    ("scale", "scores"), [(ERROR, [0.0]), (SHARE, [0.0, 1.0]), (CORRELATION, [-1.0, 1.0])]
)
def test_the_ends_of_a_range_have_finite_places(scale, scores):
    assert np.isfinite(scale.of(np.array(scores))).all()


def test_an_error_beyond_the_end_of_its_scale_is_infinite():
    assert ERROR.back(np.array([-4.0, 0.0, 0.5])).tolist() == [pytest.approx(0.125), np.inf, np.inf]


def test_a_share_beyond_its_scale_ends_at_0_or_1():
    assert SHARE.back(np.array([-0.3, 2.0])).tolist() == [0.0, 1.0]


def test_each_statistic_is_put_on_its_own_scale():
    scales = Scales((ERROR, PLAIN))
    assert scales.of(np.array([[0.125, 7.0]])).tolist() == [[pytest.approx(-4), 7.0]]
    assert scales.back(np.array([[-4.0, 7.0]])).tolist() == [[pytest.approx(0.125), 7.0]]
    assert scales.taken.tolist() == [2, 1]
