import pytest

from elimctl.errors import ConfigError
from elimctl.evaluate.forms import remark, summed_forms
from elimctl.evaluate.table import read


def test_signs_follow_the_split_and_all_else_is_what_sums_give(save):
    table = read(save(metrics={"rmse": "batch_mean", "sagr_zero": "never", "moments": "reference"}))
    assert summed_forms(table).model_dump() == {
        "rmse": "global",
        "sagr_zero": "never",
        "moments": "population",
    }
    assert remark(table) == (
        "in other forms than the scores of the split: rmse global, not batch_mean; "
        "moments population, not reference"
    )


@pytest.mark.parametrize("metrics", [{}, {"metrics": {}}, {"metrics": {"sagr_zero": "skip"}}])
def test_where_all_forms_are_the_splits_there_is_nothing_to_remark(save, metrics):
    assert remark(read(save(**metrics))) is None


def test_forms_that_there_are_not_are_refused(save):
    with pytest.raises(ConfigError, match=r"metrics\.sagr_zero"):
        summed_forms(read(save(metrics={"sagr_zero": "half"})))
