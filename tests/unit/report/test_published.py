import pytest

from elimctl.datasets import card
from elimctl.experiments.published import numbers
from elimctl.report import published


@pytest.mark.parametrize("dataset", sorted({entry.dataset for entry in numbers()}))
def test_every_published_dataset_is_that_of_a_card(dataset):
    names = {
        card.read(name).name
        for name in ("afew-va", "aff-wild", "aff-wild2", "affectnet", "affectnet8", "raf-db")
    }
    assert published.plain(dataset) in {published.plain(name) for name in names}


def test_datasets_that_differ_in_more_than_their_classes_stay_apart():
    assert published.plain("Aff-wild") != published.plain("Aff-wild2")
    assert (
        published.plain("AffectNet (8 classes)")
        == published.plain("AffectNet-8")
        == published.plain("AffectNet")
    )


def test_published_rows_stand_below_the_runs_own_with_their_protocol(make_run, subject):
    (table,) = published.tables([subject(make_run())], {"drawn": "AFEW-VA"})
    assert table.rows[0][0].text == "one"
    assert table.rows[0][1].text == "split val, fold 0"
    ours, printed = table.rows[0], next(row for row in table.rows if row[0].text == "ELIM")
    assert (printed[1].text, printed[1].note) == ("5:1 cross-validation, static", "AFEW-VA, ELIM Table 2")
    column = [column.title for column in table.columns].index("CCC valence")
    assert ours[column].note
    wanted = next(
        entry
        for entry in numbers()
        if (entry.method, entry.backbone, entry.dataset, entry.metric, entry.axis)
        == ("ELIM", printed[0].note, "AFEW-VA", "CCC", "V")
    )
    assert printed[column].text == wanted.value


def test_accuracy_is_in_percent_beside_published_ones(make_run, subject):
    own = subject(make_run(classes=("neutral", "fear"), noise=0.0))
    (table,) = published.tables([own], {"drawn": "RAF-DB"})
    assert table.columns[-1].title == "accuracy, %"
    assert table.rows[0][-1].text == "100.00"
    assert all(70 < row[-1].value < 100 for row in table.rows[1:])


def test_data_without_a_card_have_no_published_numbers(make_run, subject):
    assert list(published.tables([subject(make_run())], {})) == []


def test_a_remark_of_a_paper_stands_in_its_row(make_run, subject):
    own = subject(make_run(classes=("neutral", "fear")))
    (table,) = published.tables([own], {"drawn": "RAF-DB"})
    (row,) = [row for row in table.rows if row[-1].text == "89.51"]
    assert "; value 89.51 fits" in row[1].note
    assert not [note for note in table.notes if ";" in note and "89.51" in note]
    assert sum("89.51" in row[1].note for row in table.rows) == 1


def test_versions_of_a_dataset_are_told_apart(make_run, subject):
    own = subject(make_run(classes=("neutral", "fear")))
    (table,) = published.tables([own], {"drawn": "AffectNet-8"})
    assert table.rows[0][1].note == "this run, on drawn, 2 classes"
    assert all(row[1].note.startswith("AffectNet (8 classes), DMUE") for row in table.rows[1:])


def test_what_does_not_compare_is_told_in_the_row_and_below(make_run, subject):
    doubts = {"drawn": "drawn is not a complete copy"}
    (table,) = published.tables([subject(make_run())], {"drawn": "AFEW-VA"}, doubts)
    assert table.rows[0][1].note == "this run, on drawn: not comparable, see below"
    assert table.notes[0] == "Do not compare: drawn is not a complete copy."
