import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.identity_cases import identity_cases
from elimctl.figures.pairs import same_label_cases


def test_predictions_of_a_case_are_joined_and_its_label_is_marked(drawn):
    cases = same_label_cases(drawn.target, drawn.identity, count=2)
    found = identity_cases(drawn.preds, drawn.target, drawn.identity, cases)
    plane, key = found.figure.axes
    polygon, line, cross = plane.lines[2:5]  # after both axes of the plane
    joined = np.transpose(polygon.get_data())
    assert len(joined) == len(cases[0]) + 1  # closed
    assert {tuple(point) for point in joined} == {tuple(point) for point in drawn.preds[cases[0]]}
    np.testing.assert_allclose(np.ravel(cross.get_data()), drawn.target[cases[0]].mean(axis=0))
    spread = np.sqrt(drawn.preds[cases[0]].var(axis=0).sum())
    assert f"spread {spread:.2f}" in key.texts[0].get_text()
    assert f"spread {spread:.2f}, {len(cases[0])} identities" in found.alt
    assert len(line.get_xdata()) == 2


def test_no_two_identities_of_one_expression_is_said(drawn):
    with pytest.raises(DataError, match="no two identities show the same expression"):
        identity_cases(drawn.preds, drawn.target, drawn.identity, [])
