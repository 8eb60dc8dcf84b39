import numpy as np

from elimctl.figures.of_run import OF_RUN
from elimctl.figures.style import LIGHT
from elimctl.metrics.groups import clip_errors
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
    assert any("5 identities with smaller errors are not shown" in note for note in table.notes)


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


def test_clips_are_ranked_by_the_error_that_the_figure_of_the_worst_clip_has(make_run, subject):
    target = np.zeros(80)
    valence, arousal = np.full(80, 0.01), np.full(80, 0.01)
    valence[20:25] = arousal[20:25] = 0.5  # the larger mean RMSE of both axes
    valence[40:45] = 0.9  # the larger distance
    found = subject(make_run(valence=target, arousal=target, valence_pred=valence, arousal_pred=arousal))
    errors = clip_errors(found.table)
    assert np.argsort(-errors)[:2].tolist() == [8, 4]
    table = groups.clip_table([found], {})
    titles = [column.title for column in table.columns]
    assert [row[0].text for row in table.rows[:2]] == ["008", "004"]
    assert table.rows[0][titles.index("distance")].text == "0.900"
    assert OF_RUN["timeline_worst"](found.material, LIGHT).title.startswith("Clip 008 ")


def test_of_stills_the_surest_wrong_guesses_are_the_worst(make_run, subject):
    wrong = ["neutral"] * 80
    wrong[3] = wrong[70] = "fear"
    sure = np.full(80, 0.99)
    sure[3], sure[70] = 0.6, 0.8
    found = subject(
        make_run(
            classes=("neutral", "fear"),
            expression=["neutral"] * 80,
            expression_pred=wrong,
            probability=sure,
            clip=[f"{row:03d}" for row in range(80)],
        )
    )
    table = groups.clip_table([found], {})
    titles = [column.title for column in table.columns]
    assert [row[0].text for row in table.rows] == ["070", "003"]  # and no clip without a wrong one
    true, guessed = (titles.index(f"{title} there") for title in ("true", "predicted"))
    assert (table.rows[0][true].text, table.rows[0][guessed].text) == ("neutral", "fear")
    assert table.rows[0][guessed].note == "probability 0.800"


def test_beside_runs_of_classes_those_of_axes_have_dashes(make_run, subject):
    found = [subject(make_run("one")), subject(make_run("two", classes=("neutral", "fear"), noise=0.9))]
    table = groups.clip_table(found, {})
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert table.rows[0][5].text == "\N{EN DASH}"
    assert table.rows[-1][5].text in ("neutral", "fear")


def test_classes_that_are_all_right_have_no_worst_clip(make_run, subject):
    table = groups.clip_table([subject(make_run(classes=("neutral", "fear"), noise=0.0))], {})
    assert (table.rows, table.notes) == ([], ["All predictions are correct."])
