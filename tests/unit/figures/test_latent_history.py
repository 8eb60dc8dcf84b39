from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv, to_rgb

from elimctl.errors import DataError
from elimctl.figures.latent_history import _line, latent_history
from elimctl.figures.style import DARK, LIGHT

from .conftest import CLASSES


def test_each_sample_has_a_panel_with_a_line_for_each_other_class(latent, annotated):
    history = np.stack([latent[::-1], latent])
    history[0] = np.where(latent > 0, 1 / 3, 0)
    found = latent_history(np.array([10, 20]), history, annotated, CLASSES)
    panels = [axes for axes in found.figure.axes if axes.lines]
    assert len(panels) == 5
    assert panels[0].get_title(loc="left") == "neutral, was happy"
    assert len(panels[0].lines) == 3
    np.testing.assert_allclose(panels[0].lines[0].get_ydata(), [1 / 3, 0.7])
    widths = [line.get_linewidth() for line in panels[0].lines]
    assert widths[0] > max(widths[1:])  # the original class
    assert [text.get_text() for text in found.figure.legends[0].get_texts()] == list(CLASSES)
    assert "row 0 (annotated neutral): happy first at step 10, happy at step 20" in found.alt
    assert all(axes.get_ylim()[1] > 0.7 for axes in panels)


def test_what_does_not_fit_together_is_refused(latent, annotated):
    with pytest.raises(DataError, match=r"\(1, 5, 4\), \(2, 5, 4\) wanted"):
        latent_history(np.array([10, 20]), latent[None], annotated, CLASSES)
    with pytest.raises(DataError, match="no latent distributions"):
        latent_history(np.array([]), latent[None][:0], annotated, CLASSES)


def hues_apart(one, other):
    """Difference of two hues, degrees."""
    hues = [360 * rgb_to_hsv(to_rgb(colour))[0] for colour in (one, other)]
    return abs((hues[0] - hues[1] + 180) % 360 - 180)


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_classes_of_one_line_style_have_hues_far_from_each_other(look):
    lines = [_line(code, look) for code in range(8)]
    for one, other in combinations(lines, 2):
        if one["linestyle"] == other["linestyle"]:
            grey = min(rgb_to_hsv(to_rgb(line["color"]))[1] for line in (one, other)) < 0.1
            # a grey has no hue; blue and light blue, once of one style, are 2 degrees apart
            assert grey or hues_apart(one["color"], other["color"]) > 35


def test_32_classes_are_told_apart():
    assert len({(line["linestyle"], line["color"]) for line in (_line(k, LIGHT) for k in range(32))}) == 32
