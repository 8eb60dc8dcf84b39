import json

import pytest

from elimctl.errors import StoreError
from elimctl.report import folds, published, scores

from .conftest import RESAMPLING

DASH = "\N{EN DASH}"


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def change(workspace, name, **values):
    file = workspace.runs / name / "crossval.json"
    record = json.loads(file.read_text()) | values
    file.write_text(json.dumps({key: value for key, value in record.items() if value is not None}))
    return record


@pytest.mark.parametrize("columns", [{}, {"classes": ("neutral", "fear")}], ids=["axes", "classes"])
def test_each_fold_has_a_row_and_so_have_their_mean_and_spread(make_crossval, subject, columns):
    one = subject(make_crossval(**columns))
    rows = texts(folds.table(0, one, one.pooled))
    assert [row[0] for row in rows] == ["fold 0", "fold 1", "mean of the folds", "their standard deviation"]
    assert [row[4] for row in rows] == ["0.400", "0.600", "0.500", "0.140"]


def test_no_table_of_folds_is_called_as_that_of_the_data_is(make_crossval, subject):
    names = [table.name for table in scores.tables([subject(make_crossval())])]
    assert not [name for name in names if name.startswith(("folds-", "splits-"))]


def test_what_is_not_defined_in_a_fold_is_a_dash(make_crossval, subject, workspace):
    name = make_crossval()
    record = change(workspace, name)
    record["folds"][0]["undefined"] = ["mean.pcc"]
    change(workspace, name, folds=record["folds"])
    one = subject(name)
    assert [row[5] for row in texts(folds.table(0, one, one.pooled))][:2] == [DASH, "0.600"]


@pytest.mark.parametrize("over", [None, {}, []])
def test_a_record_without_means_is_damaged(make_crossval, subject, workspace, over):
    name = make_crossval()
    change(workspace, name, over_folds=over)
    one = subject(name)
    with pytest.raises(StoreError, match=r"crossval\.json is damaged"):
        list(scores.tables([one]))


def test_beside_published_numbers_stands_the_mean_over_the_folds_too(make_crossval, subject):
    (table,) = published.tables([subject(make_crossval())], {"drawn": "AFEW-VA"})
    pooled, mean = table.rows[:2]
    column = [column.title for column in table.columns].index("CCC valence")
    assert pooled[1].text.endswith("pooled")
    assert mean[1].text == "mean over the folds, as papers print it"
    assert (mean[column].text, mean[column].note) == ("0.500", "standard deviation 0.140")


def test_a_mean_accuracy_is_in_percent_too(make_crossval, subject):
    (table,) = published.tables([subject(make_crossval(classes=("neutral", "fear")))], {"drawn": "RAF-DB"})
    assert (table.rows[1][-1].text, table.rows[1][-1].note) == ("50.00", "standard deviation 14.00")


def test_two_cross_validations_are_compared_pair_by_pair(make_crossval, subject):
    found = [subject(make_crossval("one")), subject(make_crossval("two", noise=0.5))]
    (compared,) = scores.comparisons(found, RESAMPLING)
    assert (compared.a, compared.b, compared.count) == ("one", "two", 80)


def test_a_cross_validation_and_one_of_its_runs_are_told_apart(make_crossval, subject):
    (reason,) = scores.comparisons([subject(make_crossval()), subject("cv-f0")], RESAMPLING)
    assert "split folds against val" in reason
