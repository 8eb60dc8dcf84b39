import json

import pytest

from elimctl.commands.crossval import folds, require_place
from elimctl.errors import ConfigError, DataError
from elimctl.workspace import Workspace


@pytest.fixture
def dataset(prepared, patterns):
    """A function that writes a dataset of twelve images of six people, dealt into three folds."""

    def write(**given):
        people = [number // 2 for number in range(12)]
        columns = {
            "identity": [f"i{person}" for person in people],
            "clip": [f"c{number:02d}" for number in range(12)],
            "fold": [person % 3 for person in people],
        }
        return prepared(patterns(people), **(columns | given))

    return write


def test_all_folds_are_held_out_in_turn_or_those_that_are_named(dataset):
    folder = dataset()
    assert folds(folder).numbers == (0, 1, 2)
    assert folds(folder).leaks == ()
    assert folds(folder, [2, 0, 2]).numbers == (2, 0)
    assert folds(folder, [2]).of == 3


def test_a_fold_that_there_is_not_is_refused(dataset):
    with pytest.raises(ConfigError, match="no fold 3 in patterns; there are folds 0 to 2"):
        folds(dataset(), [0, 3])


def test_official_splits_have_no_folds(dataset):
    split = ["train"] * 8 + ["val"] * 4
    with pytest.raises(DataError, match=r"dataset patterns has official splits \(train, val\)"):
        folds(dataset(split=split))


@pytest.mark.parametrize(("given", "count"), [([None] * 12, "0 folds"), ([0] * 12, "1 fold")])
def test_fewer_than_two_folds_are_none(dataset, given, count):
    with pytest.raises(DataError, match=f"dataset patterns has {count}, expected at least 2"):
        folds(dataset(fold=given))


def test_a_fold_whose_samples_were_all_dropped_is_refused(dataset):
    status = ["dropped" if number // 2 % 3 == 1 else "kept" for number in range(12)]
    with pytest.raises(DataError, match="fold 1 of patterns has no identity"):
        folds(dataset(status=status))


def test_a_fold_that_was_left_out_of_the_deal_is_refused(dataset):
    with pytest.raises(DataError, match="fold 1 of patterns has no identity"):
        folds(dataset(fold=[2 * (number // 2 % 2) for number in range(12)]))


def test_an_identity_in_two_folds_is_refused(dataset):
    fold = [number // 2 % 3 for number in range(12)]
    fold[1] = 2  # of i0, whose other image is in fold 0
    with pytest.raises(DataError, match=r"1 identity of patterns in two folds \(i0 ...\)"):
        folds(dataset(fold=fold))


def test_an_actor_in_two_folds_is_told_of(dataset):
    found = folds(dataset(actor=["Actor 01"] * 4 + ["Actor 02"] * 2 + [None] * 6))
    (leak,) = found.leaks
    assert (leak.kind, leak.count, leak.examples) == ("actor", 1, ["Actor 01"])


@pytest.fixture
def recorded(tmp_path):
    """A workspace with a cross-validation `cv` of three folds and an ordinary run `one`."""
    for name, file, text in (
        ("cv", "crossval.json", json.dumps({"folds": [{"fold": number} for number in (0, 1, 2)]})),
        ("one", "run.json", "{}"),
    ):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / file).write_text(text)
    return Workspace(tmp_path)


def test_folds_that_were_held_out_are_not_lost(recorded):
    require_place(recorded, "cv", [2, 1, 0])
    require_place(recorded, "cv", [0, 1, 2, 3])
    require_place(recorded, "other", [0])
    with pytest.raises(ConfigError, match="already holds out folds 0, 1, 2; folds 1, 2 would") as info:
        require_place(recorded, "cv", [0, 3])
    assert "--folds 0,1,2,3" in info.value.hint


def test_a_damaged_record_is_made_anew(recorded):
    (recorded.runs / "cv" / "crossval.json").write_text("{")
    require_place(recorded, "cv", [0])


def test_the_name_of_an_ordinary_run_is_refused(recorded):
    with pytest.raises(ConfigError, match="one is a run"):
        require_place(recorded, "one", [0, 1, 2])
