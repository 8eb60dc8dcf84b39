from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from elimctl.errors import DataError
from elimctl.figures.latent_rows import latent_rows
from elimctl.figures.style import LIGHT

from .conftest import CLASSES


def test_each_sample_has_its_distribution_and_the_original_class_is_filled(latent, annotated):
    found = latent_rows(latent, annotated, CLASSES)
    sample, bars = found.figure.axes[:2]
    np.testing.assert_allclose([bar.get_height() for bar in bars.patches], latent[0])
    filled = [bar.get_facecolor() == to_rgba(LIGHT.groups[0]) for bar in bars.patches]
    assert filled == [False, True, False, False]
    assert bars.lines[0].get_xdata() == [0]  # the annotated class
    assert [text.get_text() for text in sample.texts] == ["row 0", "neutral\nwas happy"]
    assert "Their original class first have 1 of 2 flipped samples." in found.alt
    assert "row 0: annotated neutral, originally happy, highest happy with 0.70" in found.alt


def test_faces_are_shown_where_they_may_be(latent, annotated):
    faces = np.zeros((5, 8, 8, 3), np.uint8)
    found = latent_rows(latent, replace(annotated, images=faces), CLASSES)
    assert sum(len(axes.images) for axes in found.figure.axes) == 5
    assert found.figure.axes[0].texts[0].get_text() == "neutral\nwas happy"


def test_without_flips_nothing_is_filled_or_said(latent, annotated):
    found = latent_rows(latent, replace(annotated, original=annotated.annotated), CLASSES)
    assert "flipped" not in found.alt
    faces = [bar.get_facecolor() for axes in found.figure.axes for bar in axes.patches]
    assert to_rgba(LIGHT.groups[0]) not in faces


def test_one_sample_is_drawn_and_none_refused(latent, annotated):
    one = replace(annotated, names=annotated.names[:1])
    assert len(latent_rows(latent[:1], one, CLASSES).figure.axes) == 2
    with pytest.raises(DataError, match="no latent distributions"):
        latent_rows(latent[:0], annotated, CLASSES)
    with pytest.raises(DataError, match="over 4 classes, 3 wanted"):
        latent_rows(latent, annotated, CLASSES[:3])
