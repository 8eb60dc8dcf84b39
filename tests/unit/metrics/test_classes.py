import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score

from elimctl.errors import DataError
from elimctl.metrics.classes import confusion, confusion_of, confusions, score_classes
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.rates import marginals

NAMES = ("neutral", "happiness", "sadness")


def predicted(true, found):
    preds = np.eye(3, dtype=np.float32)[found]
    return Predictions(np.arange(len(true)), preds, np.asarray(true, np.float64)[:, None])


labels = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)


@given(labels)
def test_scores_are_those_of_scikit_learn(pairs):
    true, found = np.array(pairs).T
    batches = [predicted(part_true, part_found) for part_true, part_found in zip(
        np.array_split(true, 2), np.array_split(found, 2), strict=True
    )]  # fmt: skip
    scores = score_classes(confusion(batches, 3), NAMES, split="val")
    np.testing.assert_array_equal(scores.confusion, confusion_matrix(true, found, labels=range(3)))
    assert scores.accuracy == pytest.approx(accuracy_score(true, found))
    recalls = [np.mean(found[true == code] == code) for code in np.unique(true)]
    assert scores.balanced_accuracy == pytest.approx(np.mean(recalls))
    if set(found) <= set(true) and len(set(true)) > 1:  # else it warns
        assert scores.balanced_accuracy == pytest.approx(balanced_accuracy_score(true, found))
    assert scores.macro_f1 == pytest.approx(f1_score(true, found, average="macro", zero_division=0))


def test_rows_of_a_confusion_are_true_classes_and_columns_predicted_ones():
    true, found, group = (np.array(values) for values in ([0, 0, 1, 2, 2], [0, 1, 1, 0, 0], [0, 0, 1, 1, 1]))
    assert confusion_of(true, found, classes=3).tolist() == [[1, 1, 0], [0, 1, 0], [2, 0, 0]]
    first, second = confusions(true, found, group, groups=2, classes=3).tolist()
    assert first == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert second == [[0, 0, 0], [0, 1, 0], [2, 0, 0]]
    # right, true and predicted samples of each class
    assert marginals(np.array(second)).tolist() == [[0, 1, 0], [0, 1, 2], [2, 1, 0]]


def test_the_json_has_all_of_it_and_no_nan():
    scores = score_classes(confusion([predicted([0, 0, 1], [0, 1, 1])], 3), NAMES, split="val")
    found = json.loads(json.dumps(asdict(scores), allow_nan=False))
    assert found["classes"] == list(NAMES)
    assert found["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert found["count"] == 3
    assert scores.best == scores.logged["accuracy"] == pytest.approx(2 / 3)


def test_a_split_without_samples_has_no_score():
    with pytest.raises(DataError, match="no sample to score"):
        score_classes(np.zeros((3, 3), np.int64), NAMES, split="val")
