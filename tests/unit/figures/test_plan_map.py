import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.plan_map import Side, plan_map

from .test_style import contrast

PLAN = np.array([[0.6, 0.1, 0.2], [0.0, 1.5, 0.3]])
SHIFT = np.array([0.2, 0.4, 0.1])
SOURCES, TARGETS = np.array([[0.5, -0.1], [0.0, 0.2]]), np.array([[0.4, 0.0], [0.1, 0.1], [-0.9, 0.3]])


def test_the_plan_its_faces_and_its_shifts_are_there():
    faces = np.zeros((3, 8, 8, 3), np.uint8)
    found = plan_map(PLAN, SHIFT, Side("Actor 01", SOURCES, faces[:2]), Side("Actor 02", TARGETS, faces))
    top, left, heat, bars = found.figure.axes
    assert (len(top.images), len(left.images)) == (3, 2)
    np.testing.assert_array_equal(heat.images[0].get_array(), PLAN)
    assert [text.get_text() for text in heat.texts] == [".60", ".10", ".20", ".00", "1.5", ".30"]
    np.testing.assert_allclose([bar.get_height() for bar in bars.patches], SHIFT)
    assert [text.get_text() for text in left.texts] == ["+0.50\n−0.10", "+0.00\n+0.20"]
    assert (
        "The largest mass, 1.50, goes from reference 2 (valence +0.00, arousal +0.20) to target 2"
        in found.alt
    )


@pytest.mark.parametrize("shown", [False, True])
def test_faces_are_square_and_stand_at_their_row_and_column(shown):
    faces = np.zeros((3, 8, 8, 3), np.uint8) if shown else None
    sources = faces[:2] if shown else None
    found = plan_map(
        PLAN, SHIFT, Side("a", SOURCES, sources), Side("b", TARGETS, faces), remark="Said beside."
    )
    found.figure.canvas.draw()
    top, left, heat, bars = found.figure.axes
    for column in range(3):
        middles = [axes.transData.transform((column, 0))[0] for axes in (top, heat, bars)]
        np.testing.assert_allclose(middles, middles[0], atol=1e-6)
    for row in range(2):
        middles = [axes.transData.transform((0, row))[1] for axes in (left, heat)]
        np.testing.assert_allclose(middles, middles[0], atol=1e-6)
    square = (top.images if shown else top.patches)[0].get_window_extent()
    assert square.width == pytest.approx(square.height, rel=1e-6)
    assert not (shown and top.patches)
    assert any("Said beside." in text.get_text() for text in found.figure.texts)


def test_nothing_lies_outside_the_figure():
    found = plan_map(PLAN[:1, :1], SHIFT[:1], Side("x" * 40, SOURCES[:1]), Side("y" * 40, TARGETS[:1]))
    found.figure.canvas.draw()
    width, height = found.figure.bbox.width, found.figure.bbox.height
    for text in [*found.figure.texts, *found.figure.axes[3].texts, found.figure._suptitle]:
        box = text.get_window_extent()
        assert -1 <= box.x0 <= box.x1 <= width + 1, text.get_text()
        assert -1 <= box.y0 <= box.y1 <= height + 1, text.get_text()


def test_a_plan_without_mass_is_drawn():
    assert "0.00, goes" in plan_map(0 * PLAN, SHIFT, Side("a", SOURCES), Side("b", TARGETS)).alt


def test_sides_that_are_not_the_plans_are_refused():
    with pytest.raises(DataError, match="2 and 2 samples and 3 shifts for a plan of 2 x 3"):
        plan_map(PLAN, SHIFT, Side("a", SOURCES), Side("b", TARGETS[:2]))
    with pytest.raises(DataError, match="no rows of the plan"):
        plan_map(np.zeros((0, 0)), SHIFT, Side("a", SOURCES), Side("b", TARGETS))


def test_masses_can_be_read_whatever_they_are():
    plan = np.linspace(0, 1, 12 * 12).reshape(12, 12)
    side = np.zeros((12, 2))
    heat = plan_map(plan, np.ones(12), Side("a", side), Side("b", side)).figure.axes[2]
    cells = heat.images[0].to_rgba(plan)[..., :3].reshape(-1, 3)
    assert min(contrast(text.get_color(), cell) for text, cell in zip(heat.texts, cells, strict=True)) >= 4.5
