import numpy as np

from elimctl.report import groups


def test_every_identity_has_a_row_the_largest_error_first(make_run, subject):
    found = subject(make_run())
    (table,) = groups.identity_tables([found])
    titles = [column.title for column in table.columns]
    assert {row[0].text for row in table.rows} == set(found.table.identities.names)
    errors = [row[titles.index("RMSE")].value for row in table.rows]
    assert errors == sorted(errors, reverse=True)
    assert {row[1].text for row in table.rows} == {"10"}
    assert {row[2].text for row in table.rows} == {"2"}


def test_an_identity_whose_labels_never_vary_has_no_ccc(make_run, subject):
    target = np.random.default_rng(0).uniform(-1, 1, 80)
    target[:10] = 0.3
    (table,) = groups.identity_tables([subject(make_run(valence=target, arousal=target))])
    row = next(row for row in table.rows if row[0].text == "Actor 00")
    assert row[3].text == "\N{EN DASH}"
    assert row[3].value is None


def test_runs_on_the_same_samples_share_a_table_and_others_have_their_own(make_run, subject):
    found = [
        subject(make_run("one")),
        subject(make_run("two", seed=1)),
        subject(make_run("three", dataset="other")),
    ]
    first, second = groups.identity_tables(found)
    assert [column.title for column in first.columns[3:]] == [
        "CCC, one",
        "RMSE, one",
        "CCC, two",
        "RMSE, two",
    ]
    assert second.caption.endswith("three")


def test_of_very_many_identities_those_with_the_largest_errors_are_shown(make_run, subject, monkeypatch):
    monkeypatch.setattr(groups, "LONGEST", 3)
    (table,) = groups.identity_tables([subject(make_run())])
    assert len(table.rows) == 3
    assert any("5 identities with smaller errors are left out" in note for note in table.notes)


def test_the_worst_clip_is_the_one_with_the_largest_error(make_run, subject):
    preds = np.zeros(80)
    preds[40:45] = 5.0
    found = subject(make_run(valence_pred=preds))
    row = groups.clip_table([found], {}).rows[0]
    assert (row[0].text, row[1].text, row[2].text) == ("008", "Actor 04", "5")


def test_worst_clips_of_classes_are_those_with_most_wrong_guesses(make_run, subject):
    wrong = ["neutral"] * 80
    wrong[20:24] = ["fear"] * 4
    found = subject(make_run(classes=("neutral", "fear"), expression=["neutral"] * 80, expression_pred=wrong))
    row = groups.clip_table([found], {}).rows[0]
    assert (row[0].text, row[-1].text) == ("004", "0.200")
