import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from elimctl.errors import DataError, MissingError
from elimctl.report.subject import dataset_problem, gather

from .conftest import RESAMPLING


def test_a_run_without_checkpoint_is_known_by_its_saved_predictions_and_that_is_said(make_run, subject):
    found = subject(make_run())
    assert any("no checkpoint any more" in remark and "step 7" in remark for remark in found.remarks)
    assert 0.8 < found.scores["mean"]["ccc"] < 1


def test_a_run_with_neither_checkpoint_nor_predictions_is_refused(make_run, subject, workspace):
    name = make_run()
    (workspace.runs / name / "eval" / "val.parquet").unlink()
    with pytest.raises(MissingError, match="no checkpoint"):
        subject(name)


def test_predictions_that_are_not_finite_are_refused_and_their_rows_named(make_run, subject):
    bad = np.full(80, 0.1)
    bad[[3, 5]] = np.nan
    with pytest.raises(DataError, match=r"2 of 80 predictions .* not finite, at manifest rows 3, 5"):
        subject(make_run(valence_pred=bad))


def test_constant_predictions_have_no_pcc_and_a_ccc_of_0_and_that_is_said(make_run, subject):
    found = subject(make_run(valence_pred=np.full(80, 0.1), arousal_pred=np.full(80, 0.2)))
    assert found.scores["valence"]["pcc"] is None
    assert found.scores["valence"]["ccc"] == 0
    assert any("predictions of valence and arousal are all the same" in remark for remark in found.remarks)


def test_constant_labels_are_told_from_constant_predictions(make_run, subject):
    found = subject(make_run(valence=np.full(80, 0.1)))
    assert any("labels of valence are all the same" in remark for remark in found.remarks)


def test_one_identity_has_scores_and_no_interval(make_run, subject):
    found = subject(make_run(identity=["Actor"] * 80))
    assert found.scores["mean"]["ccc"] is not None
    assert any("one identity: no interval" in remark for remark in found.remarks)


def test_classes_have_their_own_scores(make_run, subject):
    found = subject(make_run(classes=("neutral", "fear"), noise=0.0))
    assert found.scores[""] == {"accuracy": 1.0, "balanced_accuracy": 1.0, "macro_f1": 1.0}


@pytest.mark.parametrize(("split", "told"), [("train", True), ("all", True), ("val", False), ("test", False)])
def test_scores_of_training_samples_are_called_that(make_run, workspace, split, told):
    name = make_run()
    file = workspace.runs / name / "eval" / "val.parquet"
    table = pq.read_table(file)
    protocol = json.loads(table.schema.metadata[b"protocol"]) | {"split": split}
    pq.write_table(table.replace_schema_metadata({"protocol": json.dumps(protocol)}), file.with_stem(split))
    found = gather(workspace, name, split=split, resampling=RESAMPLING)
    assert any("say little about new people" in remark for remark in found.remarks) == told


def test_paths_are_told_from_the_workspace_on(make_run, subject):
    problem = dataset_problem(subject(make_run()))
    assert problem == "no prepared dataset under data"


def test_predictions_far_from_any_label_are_told(make_run, subject):
    wild = np.linspace(-0.5, 0.5, 80)
    wild[:2] = 7
    told = "one: 2 of 80 predictions lie beyond \N{PLUS-MINUS SIGN}1.5, far from any label"
    assert told in subject(make_run(valence_pred=wild)).remarks
    assert told not in subject(make_run("two")).remarks


def test_few_identities_are_told(make_run, subject):
    told = "one: the 6 identities are few: intervals may be too narrow"
    assert told in subject(make_run(identities=6)).remarks
    assert not any("are few" in remark for remark in subject(make_run("two", identities=20)).remarks)
