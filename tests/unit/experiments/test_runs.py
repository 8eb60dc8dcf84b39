import pytest

from elimctl.experiments.jobs import Job
from elimctl.experiments.runs import summarise


def of(seed, fold, value):
    record = None if value is None else {"scores": {"ccc": value}}
    return Job(f"f{fold}-s{seed}", "", seed, fold, {}), record


def ccc(scores):
    return scores["ccc"]


def test_a_seed_is_the_mean_of_its_folds_and_the_spread_is_over_seeds():
    found = summarise([of(0, 0, 0.1), of(0, 1, 0.3), of(1, 0, 0.4), of(1, 1, 0.6)], ccc)
    assert (found.mean, found.seeds) == (pytest.approx(0.35), 2)
    assert found.spread == pytest.approx(0.3 / 2**0.5)  # 0.2 and 0.5, n - 1


def test_a_seed_that_lacks_a_fold_does_not_count():
    found = summarise([of(0, 0, 0.1), of(0, 1, None), of(1, 0, 0.4), of(1, 1, 0.6)], ccc)
    assert (found.mean, found.spread, found.seeds) == (pytest.approx(0.5), None, 1)


def test_nothing_finished_is_no_score():
    assert summarise([of(0, 0, None)], ccc) is None
    assert summarise([], ccc) is None
    assert summarise([of(0, 0, 0.1)], lambda scores: None) is None
