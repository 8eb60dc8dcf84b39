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
    of_labels = np.sqrt(drawn.target[cases[0]].var(axis=0).sum())
    assert of_labels > 0
    said = f"spread {spread:.2f} (labels {of_labels:.2f})"
    assert said in key.texts[0].get_text()
    assert f"{said}, {len(cases[0])} identities" in found.alt
    assert len(line.get_xdata()) == 2


def test_labels_of_a_case_are_said_to_differ(drawn):
    cases = same_label_cases(drawn.target, drawn.identity, count=1, within=0.2)
    found = identity_cases(drawn.preds, drawn.target, drawn.identity, cases, within=0.2)
    for text in (found.alt, " ".join(found.figure._supxlabel.get_text().split())):
        assert "up to 0.2 from" in text
    assert "1 case of" in found.alt


def test_a_wild_prediction_does_not_shrink_the_plane_and_is_counted(drawn):
    cases = same_label_cases(drawn.target, drawn.identity, count=2)
    preds = drawn.preds.copy()
    preds[cases[0][0]] = 30.0
    found = identity_cases(preds, drawn.target, drawn.identity, cases)
    assert found.figure.axes[0].get_xlim()[1] == pytest.approx(1.04 * 1.5)
    assert f"1 of {sum(map(len, cases))} predictions lies outside" in found.alt


def test_no_two_identities_of_one_expression_is_said(drawn):
    with pytest.raises(DataError, match="no two identities show the same expression"):
        identity_cases(drawn.preds, drawn.target, drawn.identity, [])
