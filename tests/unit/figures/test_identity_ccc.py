import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.identity_ccc import NAMED, identity_ccc


def test_identities_are_sorted_named_and_have_their_intervals():
    ccc = np.array([0.2, 0.8, np.nan, 0.5])
    ends = np.stack([ccc - 0.1, ccc + 0.1], axis=1)
    ends[0] = np.nan  # too few units
    found = identity_ccc(["a", "b", "c", "d"], ccc, ends, overall=0.6)
    axes = found.figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "d", "a"]
    assert axes.lines[0].get_xdata().tolist() == [0.8, 0.5, 0.2]
    drawn = [segment for segment in axes.collections[0].get_segments() if segment.size]
    assert len(drawn) == 2
    assert "from 0.80 (b) to 0.20 (a), median 0.50; all samples pooled 0.60; 1 left out" in found.alt
    assert "Left out: 1, with fewer than 3 samples, or labels that never vary" in " ".join(
        found.figure._supxlabel.get_text().split()
    )


def test_of_many_only_both_ends_are_named():
    count = NAMED + 1
    ccc = np.linspace(-0.2, 0.9, count)
    found = identity_ccc([f"p{k}" for k in range(count)], ccc, np.stack([ccc - 0.1, ccc + 0.1], axis=1))
    axes = found.figure.axes[0]
    assert [text.get_text() for text in axes.texts] == [f"p{count - 1}", "p0"]
    assert len(axes.lines[0].get_xdata()) == count
    assert axes.get_ylim()[0] <= -0.3


def test_one_identity_is_drawn():
    found = identity_ccc(["only $x$"], np.array([0.4]), np.array([[np.nan, np.nan]]))
    assert "CCC of 1 identity, sorted" in found.alt


def test_labels_that_never_vary_are_refused():
    with pytest.raises(DataError, match="none of 2 identities has 3 samples and labels that vary"):
        identity_ccc(["a", "b"], np.full(2, np.nan), np.full((2, 2), np.nan))


@pytest.mark.parametrize(("lowest", "start"), [(0.4, -0.52), (-0.5, -0.52), (-0.6, -1.02)])
def test_figures_of_several_runs_have_one_axis(lowest, start):
    ends = np.array([[lowest, 0.7], [0.6, 0.9]])
    axes = identity_ccc(["a", "b"], np.array([0.5, 0.7]), ends).figure.axes[0]
    assert axes.get_xlim() == pytest.approx((start, 1.02))
