import os
import random
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.errors import DataError
from elimctl.manifest import splits

names = st.lists(st.text(max_size=4), min_size=1, max_size=60)


@given(names, st.integers(1, 7), st.integers(0, 9))
def test_folds_keep_groups_whole_and_are_balanced(groups: list[str], folds: int, seed: int) -> None:
    if len(set(groups)) < folds:
        with pytest.raises(DataError, match=f"cannot fill {folds} folds"):
            splits.k_fold(groups, folds=folds, seed=seed)
        return
    fold = splits.k_fold(groups, folds=folds, seed=seed)
    assert fold.dtype == np.int8
    of_group = dict(zip(groups, fold.tolist(), strict=True))
    assert [of_group[name] for name in groups] == fold.tolist()
    sizes = np.bincount(list(of_group.values()), minlength=folds)
    assert len(sizes) == folds
    assert sizes.max() - sizes.min() <= 1


@given(names, st.randoms())
def test_the_order_of_the_samples_does_not_matter(groups: list[str], order: random.Random) -> None:
    folds = len(set(groups))
    shuffled = order.sample(groups, len(groups))
    first = dict(zip(groups, splits.k_fold(groups, folds=folds, seed=1).tolist(), strict=True))
    second = dict(zip(shuffled, splits.k_fold(shuffled, folds=folds, seed=1).tolist(), strict=True))
    assert first == second


@given(st.lists(st.binary(max_size=4).map(os.fsdecode), min_size=3, unique=True))
def test_groups_are_dealt_in_the_order_of_their_ranks(groups: list[str]) -> None:
    dealt = splits.k_fold(sorted(groups, key=lambda name: splits.rank(name, seed=7)), folds=3, seed=7)
    assert dealt.tolist() == [place % 3 for place in range(len(groups))]


@pytest.mark.parametrize("name", splits.NAMES)
@pytest.mark.parametrize("written", [str.lower, str.upper, " {} ".format])
def test_a_split_is_known_by_its_name(name: str, written: Callable[[str], str]) -> None:
    assert splits.named(written(name)) == name


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("training", "train"),
        ("Validation", "val"),
        ("valid", "val"),
        ("validate", "val"),
        ("dev", "val"),
        ("testing", "test"),
    ],
)
def test_a_split_is_known_by_other_words_for_it(word: str, name: str) -> None:
    assert splits.named(word) == name


@pytest.mark.parametrize("word", ["", "fold", "0", "tests", "all"])
def test_other_words_mean_no_split(word: str) -> None:
    assert splits.named(word) is None


@pytest.mark.parametrize(
    ("count", "found", "hint"),
    [
        (1, "1 identity", "use --folds 1 to only score it, or add identities"),
        (3, "3 identities", "use --folds 3, or --folds 1 to only score them, or add identities"),
    ],
)
def test_too_few_identities_for_the_folds_are_told_the_way_out(count: int, found: str, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        splits.k_fold([str(number) for number in range(count)], folds=4, seed=0)
    assert caught.value.message == f"{found} cannot fill 4 folds"
    assert caught.value.hint == hint


def test_the_seed_matters() -> None:
    groups = [f"{number:03d}" for number in range(600)]
    first, second = (splits.k_fold(groups, folds=6, seed=seed) for seed in (0, 1))
    assert np.mean(first == second) < 0.5  # 1/6 by chance


def test_six_folds_of_600_clips_have_100_each() -> None:
    groups = [f"{number:03d}" for number in range(1, 601)]
    assert np.bincount(splits.k_fold(groups, folds=6, seed=0)).tolist() == [100] * 6


def test_the_deal_is_the_same_on_every_machine() -> None:
    # Computed by hand from sha256(b"0/a") < sha256(b"0/b") < sha256(b"0/c") in the order of the digests.
    import hashlib

    ranked = sorted("abc", key=lambda name: hashlib.sha256(f"0/{name}".encode()).hexdigest())
    assert splits.k_fold(ranked, folds=3, seed=0).tolist() == [0, 1, 2]


def test_val_is_the_fold_and_train_the_others(make_table) -> None:
    table = make_table(fold=[0, 1, 2, None, 1], status=["kept", "kept", "kept", "dropped", "dropped"])
    assert splits.select(table, "val", fold=1).tolist() == [1]
    assert splits.select(table, "train", fold=1).tolist() == [0, 2]
    assert splits.select(table, "all").tolist() == [0, 1, 2]


def test_a_kept_row_without_a_fold_is_in_no_split(make_table) -> None:
    table = make_table(fold=[0, 1, None])
    assert splits.select(table, "train", fold=0).tolist() == [1]
    assert splits.select(table, "val", fold=0).tolist() == [0]


def test_official_splits_go_before_folds(make_table) -> None:
    table = make_table(fold=[0, 0, 1], split=["train", "test", "train"])
    assert splits.select(table, "train").tolist() == [0, 2]
    assert splits.select(table, "test").tolist() == [1]
    with pytest.raises(DataError, match="no split 'val'; there are: all, test, train"):
        splits.select(table, "val")


def test_a_dataset_that_is_only_test_is_not_trained_on(make_table) -> None:
    table = make_table(split=["test", "test"])
    assert splits.select(table, "test").tolist() == [0, 1]
    with pytest.raises(DataError, match="has only the split test: no row of it is for training") as caught:
        splits.select(table, "train")
    assert "elimctl eval --data NAME --split test" in str(caught.value.hint)
    with pytest.raises(DataError, match="no split 'val'; there are: all, test") as caught:
        splits.select(table, "val")
    assert "--split NAME" in str(caught.value.hint)


def test_a_dataset_without_splits_has_only_all(make_table) -> None:
    with pytest.raises(DataError, match=r"no split 'train'; there are: all$"):
        splits.select(make_table(row=[0]), "train")


@pytest.mark.parametrize("fold", [-1, 3])
def test_an_unknown_fold_lists_those_that_exist(make_table, fold: int) -> None:
    with pytest.raises(DataError, match="there are folds 0 to 2"):
        splits.select(make_table(fold=[0, 1, 2]), "val", fold=fold)


def test_an_empty_split_says_how_many_rows_were_dropped(make_table) -> None:
    table = make_table(fold=[0, 0, 1], status=["dropped", "dropped", "kept"])
    with pytest.raises(DataError, match="'val' is empty: none of its 2 rows is usable"):
        splits.select(table, "val", fold=0)


def test_an_empty_table_is_an_empty_split(make_table) -> None:
    with pytest.raises(DataError, match="is empty"):
        splits.select(make_table(row=[]), "all")


@pytest.mark.parametrize(
    ("official", "split", "wanted"),
    [(False, "val", 3), (False, "train", 3), (False, "all", None), (True, "val", None), (True, "all", None)],
)
def test_a_fold_counts_where_folds_are_the_splits(official: bool, split: str, wanted: int | None) -> None:
    table = pa.table({"split": pa.array([None, "val" if official else None], pa.string()), "fold": [0, 1]})
    assert splits.counting_fold(table, split, 3) == wanted
