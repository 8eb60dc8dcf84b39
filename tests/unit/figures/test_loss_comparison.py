import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.figures.loss_comparison import Curve, loss_comparison


def test_each_loss_has_a_panel_with_a_line_for_each_run():
    step = np.arange(1, 11)
    curves = [
        Curve(name, step, {"wce": values, "sp": step})
        for name, values in (("with", 1 / step), ("without", 2 / step))
    ]
    found = loss_comparison(curves, ["wce", "aux"], title="With and without")
    [axes] = found.figure.axes
    assert axes.get_title(loc="left") == "loss wce"
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["with", "without"]
    np.testing.assert_allclose(axes.lines[3].get_ydata(), 2 / step)
    assert found.alt == "With and without. with: wce ends at 0.1; without: wce ends at 0.2."


def test_a_run_that_lacks_a_loss_is_left_out_of_its_panel():
    step = np.arange(1, 4)
    curves = [Curve("a", step, {"wce": step}), Curve("b", step, {"wce": step, "soft": np.full(3, np.nan)})]
    assert len(loss_comparison(curves, ["wce", "soft"]).figure.axes) == 1


def test_one_run_alone_is_refused():
    with pytest.raises(DataError, match="1 run, at least two with a loss of wce wanted"):
        loss_comparison([Curve("a", np.arange(3), {"wce": np.arange(3.0)})], ["wce"])
