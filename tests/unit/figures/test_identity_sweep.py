import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.identity_sweep import Sweep, identity_sweep


def test_mean_and_spread_over_seeds_leave_missing_runs_out():
    ccc = np.array([[0.1, 0.3], [0.5, np.nan], [np.nan, np.nan]])
    found = identity_sweep([Sweep("elim", np.array([5, 10, 20]), ccc)])
    axes = found.figure.axes[0]
    assert axes.lines[0].get_xdata().tolist() == [5, 10]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.2, 0.5])
    band = axes.collections[0].get_paths()[0].vertices
    # the standard deviation of 0.1 and 0.3 (n - 1) is 0.141; one run has none
    at_five = band[band[:, 0] == 5, 1]
    np.testing.assert_allclose([at_five.min(), at_five.max()], [0.2 - 0.02**0.5, 0.2 + 0.02**0.5])
    assert found.alt == "CCC by number of training identities. elim: 0.200 with 5, 0.500 with 10."


def test_each_method_has_a_line_and_a_name():
    sweeps = [Sweep(name, np.array([5]), np.array([[0.5]])) for name in ("erm", "elim, lambda_va = 0")]
    axes = identity_sweep(sweeps).figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["erm", "elim, lambda_va = 0"]


@pytest.mark.parametrize("sweeps", [[], [Sweep("elim", np.array([5]), np.array([[np.nan]]))]])
def test_no_run_is_refused(sweeps):
    with pytest.raises(DataError, match="no run to draw"):
        identity_sweep(sweeps)
