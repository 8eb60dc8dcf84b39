"""Colours, and names from data."""

import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from elimctl.figures.save import rendered
from elimctl.figures.style import (
    DARK,
    LIGHT,
    MAP,
    MISSING,
    Drawing,
    figure,
    note,
    plain,
    small_print,
    styled,
    written_on,
)


def luminance(colour):
    """Relative luminance (WCAG 2.2)."""
    values = np.array(to_rgb(colour))
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_have_enough_contrast(look):
    assert contrast(look.ink, look.paper) >= 7
    assert contrast(look.faint, look.paper) >= 4.5  # small print is text, too
    # WCAG 1.4.11 asks 3:1 of graphics; light colours of the palette stand beside a marker or line style
    assert contrast(look.valence, look.paper) >= 3
    assert contrast(look.arousal, look.paper) >= 3
    assert all(contrast(colour, look.paper) >= 2 for colour in look.groups)


def test_numbers_in_a_map_have_enough_contrast():
    for colour in matplotlib.colormaps[MAP](np.linspace(0, 1, 256)):
        assert contrast(written_on(colour), colour[:3]) >= 4.5  # as of all text (WCAG 1.4.3)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Actor 01", "Actor 01"),
        ("a\nb\tc", "a b c"),
        (r"$\frac{", r"\$\frac{"),
        ("中文", 2 * MISSING),
        ("\x00\x07", 2 * MISSING),
        ("x" * 40, "x" * 14 + "…" + "x" * 13),
    ],
)
def test_a_name_from_data_is_made_safe_to_draw(text, wanted):
    assert plain(text) == wanted


@pytest.mark.parametrize(
    "text", ["$$", "$x$ and $y$", r"\$", "a_b^c", "中", "<script>alert(1)</script>", "&amp;"]
)
def test_any_name_can_be_rendered(text):
    made = figure(plain(text), height_in=1)
    made.subplots().set_xlabel(plain(text))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a sign that is missing in the font would warn
        svg = rendered(Drawing(made, text, text), "svg")
    assert b"<script>" not in svg


def test_settings_of_this_machine_do_not_reach_a_figure():
    @styled
    def draw(*, look=LIGHT):
        made = figure("title", height_in=1)
        return Drawing(made, "title", str(made.subplots().xaxis.label.get_fontsize()))

    wanted = draw().alt
    with matplotlib.rc_context({"axes.labelsize": 33, "figure.facecolor": "#ff00ff"}):
        found = draw()
    assert found.alt == wanted
    assert found.figure.get_facecolor()[:3] == to_rgb(LIGHT.paper)
    assert draw(look=DARK).figure.get_facecolor()[:3] == to_rgb(DARK.paper)


def test_small_print_keeps_within_the_figure():
    made = figure("title", height_in=2)
    made.subplots()
    note(made, "W" + " and more words that fill a line" * 6, look=LIGHT)
    made.canvas.draw()
    box = made._supxlabel.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= made.bbox.width
    assert small_print("a b", 6.6) == "a b"
