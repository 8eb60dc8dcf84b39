from dataclasses import replace

import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.latent_rows import Annotated
from elimctl.figures.uncertainty_rank import SHOWN, uncertainty_rank

from .conftest import CLASSES


def test_samples_are_ranked_and_flipped_ones_told_apart(annotated):
    alpha = np.array([0.1, 0.9, 0.5, 0.7, 0.6])
    found = uncertainty_rank(alpha, annotated, CLASSES)
    ranking, strip = found.figure.axes
    plain, flipped = ranking.lines
    assert flipped.get_xdata().tolist() == [1, 5]
    assert flipped.get_ydata().tolist() == [0.1, 0.9]
    assert plain.get_ydata().tolist() == [0.5, 0.6, 0.7]
    assert strip.texts[0].get_text() == "row 0"
    assert strip.texts[1].get_text() == "neutral\n(happy)\n0.100"
    assert "Mean of 2 flipped samples 0.500, of the others 0.600" in found.alt


def test_of_a_large_batch_both_ends_are_shown():
    count = 3 * SHOWN
    codes = np.arange(count) % 4
    faces = np.zeros((count, 4, 4, 3), np.uint8)
    many = Annotated([f"row {k}" for k in range(count)], codes, codes, faces)
    found = uncertainty_rank(np.linspace(0.2, 0.8, count), many, CLASSES)
    _, low, high = found.figure.axes
    assert (len(low.images), len(high.images)) == (SHOWN, SHOWN)
    assert low.texts[0].get_text().endswith("0.200")
    assert high.texts[-1].get_text().endswith("0.800")
    assert found.figure.axes[0].get_legend() is None


def test_equal_scores_are_drawn_and_none_refused(annotated):
    same = replace(annotated, original=annotated.annotated)
    assert uncertainty_rank(np.full(5, 0.5), same, CLASSES).alt.endswith("from 0.500 to 0.500.")
    with pytest.raises(DataError, match="no scores"):
        uncertainty_rank(np.array([]), annotated, CLASSES)
