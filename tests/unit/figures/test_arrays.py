"""What figures refuse, and what they share."""

import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.arrays import finite, labelled, points, resampled_means, thinned


def test_what_cannot_be_drawn_is_refused_with_numbers():
    good = np.zeros((3, 2))
    bad = good.copy()
    bad[1, 0] = np.nan
    with pytest.raises(DataError, match="1 of 3 predictions are not finite"):
        labelled(bad, good)
    with pytest.raises(DataError, match="no predictions to draw"):
        labelled(np.zeros((0, 2)), np.zeros((0, 2)))
    with pytest.raises(DataError, match=r"labels of shape \(2, 2\), \(3, 2\) wanted"):
        labelled(good, good[:2])
    with pytest.raises(DataError, match="wanted"):
        points(np.zeros(4), "labels")
    with pytest.raises(DataError, match="1 of 2 rows are not finite"):
        finite(np.array([[0, 1], [np.inf, 0]]), "rows")


def test_thinning_keeps_everything_where_there_is_room():
    assert thinned(5, 9).tolist() == [0, 1, 2, 3, 4]
    few = thinned(100, 10, seed=1)
    assert len(few) == len(set(few.tolist())) == 10
    assert (np.diff(few) > 0).all()
    assert few.tolist() == thinned(100, 10, seed=1).tolist()


def test_means_are_resampled_by_group_and_not_by_sample():
    # two groups of constants: a mean is that of one, of the other, or of both
    values = np.repeat([[0.0], [1.0]], [1, 3], axis=0)
    means = resampled_means(values, np.array(["a", "b", "b", "b"]), resamples=200, seed=0)
    assert set(np.unique(means)) == {0.0, 0.75, 1.0}
    assert resampled_means(values, np.array(["a"] * 4), resamples=10, seed=0) is None
