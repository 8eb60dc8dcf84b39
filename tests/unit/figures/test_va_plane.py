import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Ellipse
from matplotlib.text import Annotation

from elimctl.errors import DataError
from elimctl.figures.style import LIGHT
from elimctl.figures.va_plane import SHOWN, va_plane

from .conftest import samples


def test_all_points_are_there_and_each_quadrant_has_its_mean(drawn):
    found = va_plane(drawn.preds, drawn.target, drawn.identity)
    clouds, quadrants = found.figure.axes
    true, predicted = (entry.get_offsets() for entry in clouds.collections)
    np.testing.assert_allclose(true, drawn.target)
    np.testing.assert_allclose(predicted, drawn.preds)
    own = (drawn.target >= 0).all(axis=1)
    marks = {line.get_label(): np.ravel(line.get_data()) for line in quadrants.lines}
    np.testing.assert_allclose(marks["excited"], drawn.preds[own].mean(axis=0))
    arrow = next(text for text in quadrants.texts if isinstance(text, Annotation))
    np.testing.assert_allclose(arrow.xyann, drawn.target[own].mean(axis=0))
    np.testing.assert_allclose(arrow.xy, drawn.preds[own].mean(axis=0))
    assert "120 samples" in found.alt
    assert f"labels (+{drawn.target[own, 0].mean():.2f}" in found.alt


def test_the_interval_of_a_mean_is_narrower_than_the_predictions_spread(drawn):
    quadrants = va_plane(drawn.preds, drawn.target, drawn.identity).figure.axes[1]
    of_first = [
        patch
        for patch in quadrants.patches
        if isinstance(patch, Ellipse)
        and LIGHT.groups[0] in map(_hex, (patch.get_edgecolor(), patch.get_facecolor()))
    ]
    spread, interval = of_first
    assert 0 < interval.width < spread.width


def _hex(colour):
    return next((name for name in LIGHT.groups if to_rgba(name)[:3] == tuple(colour[:3])), None)


def test_one_identity_has_no_interval_and_constants_no_ellipse():
    one = samples(identities=1)
    assert len(va_plane(one.preds, one.target, one.identity).figure.axes[1].patches) == 4
    same = np.full((9, 2), 0.25)
    found = va_plane(same, same, np.arange(9) % 3)
    assert not found.figure.axes[0].patches
    assert "deviations (0.00, 0.00) of the labels" in found.alt


def test_of_many_points_some_are_drawn(drawn):
    many = samples(count=2 * SHOWN)
    found = va_plane(many.preds, many.target, many.identity)
    assert len(found.figure.axes[0].collections[0].get_offsets()) == SHOWN
    assert f"{2 * SHOWN:,} samples" in found.alt


def test_predictions_beyond_the_plane_widen_it(drawn):
    preds = drawn.preds.copy()
    preds[0] = 1.4
    found = va_plane(preds, drawn.target, drawn.identity)
    assert found.figure.axes[0].get_xlim()[1] > 1.4
    assert "outside" not in found.alt


def test_a_wild_prediction_does_not_shrink_the_plane_and_is_counted(drawn):
    preds = drawn.preds.copy()
    preds[0] = 18.0
    found = va_plane(preds, drawn.target, drawn.identity)
    assert found.figure.axes[0].get_xlim()[1] == found.figure.axes[1].get_xlim()[1] == pytest.approx(1.56)
    for text in (found.alt, " ".join(found.figure._supxlabel.get_text().split())):
        assert "1 of 120 predictions lies outside, beyond ±1.56." in text


def test_the_legend_hides_no_point(drawn):
    clouds = va_plane(drawn.preds, drawn.target, drawn.identity).figure.axes[0]
    clouds.figure.canvas.draw()
    assert clouds.get_legend().get_window_extent().y0 >= clouds.get_window_extent().y1 - 3


def test_quadrants_are_named_in_their_corners_and_marks_have_a_legend(drawn):
    clouds, quadrants = va_plane(drawn.preds, drawn.target, drawn.identity).figure.axes
    for axes in (clouds, quadrants):
        corners = {text.get_text(): np.sign(text.get_position()).tolist() for text in axes.texts}
        corners.pop("", None)
        assert corners == {"excited": [1, 1], "tense": [-1, 1], "sad": [-1, -1], "calm": [1, -1]}
        circle = max((line.get_xydata() for line in axes.lines), key=len)
        np.testing.assert_allclose(np.hypot(*circle.T), 1)
    names = [text.get_text() for text in quadrants.get_legend().get_texts()]
    assert names == ["label", "prediction"]


def test_nan_is_refused(drawn):
    with pytest.raises(DataError, match="120 of 120 predictions"):
        va_plane(drawn.preds * np.nan, drawn.target, drawn.identity)
