from dataclasses import replace

import numpy as np
import pytest

from elimctl.errors import DataError, StoreError
from elimctl.metrics.compare import compare
from elimctl.metrics.detail import Resampling
from elimctl.metrics.table import METRICS
from elimctl.predict.table import read

FEW = Resampling(resamples=500)


def changes(found, axis="mean"):
    return {change.metric: change for change in found.changes if change.axis == axis}


def test_a_clearly_worse_run_is_told_to_be_worse_in_every_metric(save):
    found = compare(read(save("good", noise=0.05)), read(save("bad", noise=0.6, seed=1)), FEW)
    assert (found.a, found.b, found.count, found.identities) == ("good", "bad", 120, 12)
    assert list(changes(found)) == list(METRICS)
    for metric, change in changes(found).items():
        assert change.real
        assert not change.better
        assert change.difference == pytest.approx(change.b - change.a)
        assert (change.low > 0) == (metric in ("rmse", "mae"))


def test_two_runs_alike_in_all_but_noise_are_not_told_apart(save):
    found = compare(read(save("one")), read(save("two", seed=1)), FEW)
    assert not changes(found)["ccc"].real


def test_a_run_and_its_copy_do_not_differ(save):
    found = compare(read(save("one")), read(save("two")), FEW)
    for change in found.changes:
        assert change.difference == 0
        assert change.low is change.high is None
        assert not change.real


def test_one_identity_is_no_ground_for_a_difference(save):
    found = compare(read(save("one", identities=1)), read(save("two", identities=1, seed=1)), FEW)
    assert found.no_interval == "one identity: no interval"
    assert not any(change.real for change in found.changes)


def test_what_is_not_defined_for_one_run_has_no_difference(save):
    one = read(save("one"))
    const = read(save("const", preds=np.column_stack([np.full(120, 0.1), one.preds[:, 1]])))
    for found, which in ((compare(one, const, FEW), "b"), (compare(const, one, FEW), "a")):
        told = {(change.axis, change.metric): change for change in found.changes if change.undefined}
        assert set(told) == {("valence", "pcc"), ("mean", "pcc")}  # of CCC the numerator alone is 0
        for change in told.values():
            assert change.undefined == (which,)
            assert change.difference == 0
            assert change.low is change.high is None
            assert not change.real
            assert not change.better
        assert changes(found, "valence")["ccc"].real


def test_what_is_not_defined_for_either_run_is_told_of_both(save):
    table = read(save())
    same = replace(table, target=np.full_like(table.target, 0.5), preds=np.full_like(table.target, 0.5))
    found = compare(same, same, FEW)
    assert changes(found)["ccc"].undefined == changes(found)["pcc"].undefined == ("a", "b")
    assert changes(found)["rmse"].undefined == ()


def test_classes_are_compared_by_their_rates(save_classes):
    found = compare(read(save_classes("one", right=0.4)), read(save_classes("two", right=0.9, seed=1)), FEW)
    assert [change.metric for change in found.changes] == ["accuracy", "balanced_accuracy", "macro_f1"]
    for change in found.changes:
        assert change.real
        assert change.better


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"dataset": "others"}, "dataset faces against others"),
        ({"manifest": "1" * 64}, "manifest of the dataset 000000000000 against 111111111111"),
        ({"split": "test"}, "split val against test"),
        ({"fold": 1}, "fold 0 against 1"),
        ({"frames": 4}, "number of samples 120 against 96"),
    ],
)
def test_runs_that_were_scored_on_other_samples_are_refused(save, other, words):
    with pytest.raises(DataError, match=f"runs one and two cannot be compared: {words}") as error:
        compare(read(save("one")), read(save("two", **other)), FEW)
    assert error.value.hint


@pytest.mark.parametrize("split", ["all", "test"])
def test_folds_matter_only_to_splits_that_follow_from_them(save, split):
    found = compare(read(save("one", split=split)), read(save("two", split=split, fold=1, seed=1)), FEW)
    assert found.count == 120


@pytest.mark.parametrize("name", ["run", "dataset", "manifest", "split", "fold"])
def test_predictions_that_do_not_say_what_they_are_of_are_refused(save, name):
    one, two = read(save("one")), read(save("two"))
    two.protocol.pop(name)
    with pytest.raises(StoreError, match=f"no record of: {name}") as error:
        compare(one, two, FEW)
    assert "elimctl eval" in error.value.hint


def test_a_manifest_whose_hash_is_no_text_is_refused(save):
    with pytest.raises(StoreError, match="no record of: manifest"):
        compare(read(save("one")), read(save("two", manifest=None)), FEW)


def test_equally_many_other_rows_are_refused(save):
    one, two = read(save("one")), read(save("two"))
    object.__setattr__(two, "row", two.row + 1)
    with pytest.raises(DataError, match="other rows or labels"):
        compare(one, two, FEW)


def test_a_regression_is_not_compared_with_a_classification(save, save_classes):
    with pytest.raises(DataError, match="what they predict valence and arousal against classes"):
        compare(read(save("one")), read(save_classes("two")), FEW)


def test_the_same_identities_are_drawn_for_both(save):
    """A shift that all of an identity share cancels: the difference is known far better than each score."""
    first = read(save("one", noise=0.4))
    second = read(save("two", preds=first.preds + np.random.default_rng(0).normal(0, 0.2, first.preds.shape)))
    ccc = changes(compare(first, second, FEW))["ccc"]
    assert ccc.real
