import numpy as np
import pytest

from elimctl.metrics.compare import Comparison
from elimctl.report import scores
from elimctl.report.summary import summary

from .conftest import RESAMPLING


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def test_scores_are_those_of_the_formula_with_their_intervals_below(make_run, subject):
    found = subject(make_run())
    x, y = found.table.preds[:, 0], found.table.target[:, 0]
    ccc = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    first = next(scores.tables([found])).rows[0]
    assert [cell.text for cell in first[:2]] == ["valence", f"{ccc:.3f}"]
    low, high = map(float, first[1].note.split(" to "))
    assert low < ccc < high


def test_what_is_not_defined_is_a_dash_with_its_reason(make_run, subject):
    found = subject(make_run(valence_pred=np.full(80, 0.1)))
    row = next(scores.tables([found])).rows[0]
    assert (row[1].text, row[2].text, row[2].note) == ("0.000", "\N{EN DASH}", "not defined")


def test_what_is_not_defined_is_so_by_the_public_codes_formulas_too(make_run, subject):
    _, table = scores.tables([subject(make_run(valence_pred=np.full(80, 0.1)))])
    rows = {row[1].text: row for row in table.rows if row[0].text.startswith("formulas of ELIM")}
    titles = [column.title for column in table.columns]
    pcc, ccc, sagr = (titles.index(name) for name in ("PCC", "CCC", "SAGR"))
    for axis in ("valence", "mean"):
        assert (rows[axis][pcc].text, rows[axis][pcc].note) == ("\N{EN DASH}", "not defined")
    assert rows["arousal"][pcc].value > 0.5
    assert rows["valence"][ccc].text == "0.000"  # whose denominator is not 0
    assert rows["valence"][sagr].value > 0


def test_nothing_shown_is_nan(make_run, subject):
    found = subject(make_run(valence_pred=np.full(80, 0.1), valence=np.full(80, 0.1)))
    assert not [
        text for table in scores.tables([found]) for row in texts(table) for text in row if "nan" in text
    ]


def test_a_run_that_is_clearly_better_is_called_better(make_run, subject):
    found = [subject(make_run("bad", noise=0.6)), subject(make_run("good", noise=0.05, seed=1))]
    compared = list(scores.comparisons(found, RESAMPLING))
    (table,) = scores.difference_tables(compared)
    row = next(row for row in table.rows if row[1].text == "mean")
    assert row[0].text == "good less bad"
    assert row[2].text.startswith("+")
    assert row[2].text.endswith(" better")
    rmse = row[[column.title for column in table.columns].index("RMSE")]
    assert rmse.text.startswith("\N{MINUS SIGN}")
    assert rmse.text.endswith(" better")
    assert "good has the highest mean CCC" in summary(found, compared)
    assert "a real difference" in summary(found, compared)


def test_a_run_is_as_good_as_itself(make_run, subject):
    found = [subject(make_run("one")), subject(make_run("same"))]
    compared = list(scores.comparisons(found, RESAMPLING))
    (table,) = scores.difference_tables(compared)
    assert {cell.text for row in table.rows for cell in row[2:]} == {"+0.000"}


def test_runs_of_different_datasets_are_shown_and_not_ranked(make_run, subject):
    found = [subject(make_run("one")), subject(make_run("two", dataset="other"))]
    (reason,) = scores.comparisons(found, RESAMPLING)
    assert "cannot be compared: dataset drawn against other" in reason
    assert "cannot be ranked" in summary(found, [reason])
    assert len(next(scores.tables(found)).rows) == 6


def test_classes_and_axes_stand_in_tables_of_their_own(make_run, subject):
    found = [subject(make_run("one")), subject(make_run("two", classes=("neutral", "fear")))]
    assert [table.name for table in scores.tables(found)] == ["scores", "other-scores", "class-scores"]


def test_runs_of_classes_are_compared_too(make_run, subject):
    classes = ("neutral", "fear", "anger")
    found = [subject(make_run("one", classes=classes)), subject(make_run("two", classes=classes, seed=1))]
    compared = list(scores.comparisons(found, RESAMPLING))
    assert isinstance(compared[0], Comparison)
    (table,) = scores.difference_tables(compared)
    assert [column.title for column in table.columns[1:]] == ["accuracy", "balanced accuracy", "macro F1"]
    assert "highest accuracy" in summary(found, compared)


@pytest.mark.parametrize(
    ("classes", "said"), [((), "a mean CCC of 0."), (("neutral", "fear"), "an accuracy of 0.")]
)
def test_one_run_is_told_in_one_sentence(make_run, subject, classes, said):
    sentence = summary([subject(make_run(classes=classes))], [])
    assert said in sentence
    assert "80 samples of 8 identities (drawn, split val, fold 0)" in sentence
    assert "95 % interval" in sentence
    assert sentence.count(". ") == 0
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("identities", "said"),
    [
        (8, "from leaving out each identity in turn."),
        (10, "from 200 resamples of whole identities (seed 0)."),
    ],
)
def test_the_page_says_how_intervals_were_made(make_run, subject, identities, said):
    names = [f"Actor {row % identities}" for row in range(80)]
    table = next(scores.tables([subject(make_run(identity=names))]))
    assert table.notes[0].startswith(f"Below each score its 95 % interval, {said}")


def test_without_intervals_the_reason_stands_in_their_place(make_run, subject):
    table = next(scores.tables([subject(make_run(identity=["Actor"] * 80))]))
    assert table.notes[0].startswith("No 95 % intervals: one identity")
    assert {cell.note for row in table.rows for cell in row} == {""}


def test_what_the_public_code_divides_by_is_told_and_that_its_scores_can_exceed_1(make_run, subject):
    _, table = scores.tables([subject(make_run(noise=0.0, identity=["Actor"] * 80))])
    note = table.notes[-1]
    assert "covariance over n \N{MINUS SIGN} 1 by variances over n" in note
    assert "can exceed 1" in note
    assert "unbiased" not in note
    # 80 / 79 of a correlation of 1, as docs/evaluation.md has it
    assert texts(table)[-1][2:4] == ["1.013", "1.013"]


def test_how_many_differences_are_called_real_by_chance_is_told(make_run, subject):
    found = [subject(make_run(name, seed=seed)) for seed, name in enumerate(("one", "two", "three"))]
    (table,) = scores.difference_tables(list(scores.comparisons(found, RESAMPLING)))
    assert "Of twenty differences that are truly 0, about one is called" in table.notes[1]
    assert "there are 30 in this table" in table.notes[1]


def test_a_single_sample_is_not_plural(make_run, subject):
    columns = {"identities": 1, "identity": ["Actor"] * 10}
    sentence = summary([subject(make_run(**columns))], [])
    assert "10 samples of 1 identity (" in sentence


def test_ends_of_intervals_are_called_that_in_the_sentence_too(make_run, subject):
    found = [subject(make_run("one")), subject(make_run("two", seed=1))]
    sentence = summary(found, list(scores.comparisons(found, RESAMPLING)))
    assert sentence.count("95 % interval") == 2


def test_differences_of_what_is_not_defined_are_dashes(make_run, subject):
    found = [subject(make_run("one")), subject(make_run("const", valence_pred=np.full(80, 0.1)))]
    compared = list(scores.comparisons(found, RESAMPLING))
    (table,) = scores.difference_tables(compared)
    row = table.rows[0]
    assert (row[1].text, row[3].text, row[3].note) == ("valence", "\N{EN DASH}", "not defined")
    assert row[2].text.endswith("worse")  # CCC is 0, and says something


def test_runs_are_called_as_their_folders_are(make_run, subject, workspace):
    make_run("one"), make_run("two", seed=1)
    (workspace.runs / "two").rename(workspace.runs / "zwei")
    found = [subject("one"), subject("zwei")]
    compared = list(scores.comparisons(found, RESAMPLING))
    assert compared[0].b == "zwei"
    assert "zwei less one" in summary(found, compared) or "highest" in summary(found, compared)
