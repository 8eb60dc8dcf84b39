import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.config import Config, validate
from elimctl.datasets.ages import GROUPS, Ages, Bins, group, parse
from elimctl.errors import ConfigError, LayoutError, MissingError


def _write(file: Path, *lines: str, ending: str = "\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(line + ending for line in lines), encoding="utf-8", newline="")
    return file


@pytest.mark.parametrize(
    ("age", "name"),
    [
        (18, "18-29"),
        (29.99, "18-29"),
        (30, "30-39"),
        (40.0, "40-49"),
        (59.999, "50-59"),
        (60, "60-84"),
        (84.99, "60-84"),
        (85, None),
        (17.99, None),
        (0, None),
        (0.0, None),
        (None, None),
        (-3.0, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_groups_are_half_open_bins(age: float | None, name: str | None) -> None:
    assert group(age) == name


@given(st.floats(0, 120), st.lists(st.integers(0, 100), min_size=2, unique=True).map(sorted))
def test_an_age_is_in_the_group_whose_ends_are_around_it(age: float, bins: list[int]) -> None:
    around = [f"{low}-{high - 1}" for low, high in pairwise(bins) if low <= age < high]
    assert group(age, bins) == (around[0] if around and age else None)


def test_an_age_of_zero_is_missing_even_where_a_group_begins_there() -> None:
    assert group(0.0, (0, 18)) is None
    assert group(0.5, (0, 18)) == "0-17"


class _Options(Config):
    bins: Bins = GROUPS


@pytest.mark.parametrize("bins", [(), (18,), (30, 18), (18, 18, 30), (-1, 18)])
def test_bins_ascend(bins: tuple[int, ...]) -> None:
    assert validate(_Options, {"bins": [0, 18, 30]}).bins == (0, 18, 30)
    with pytest.raises(ConfigError, match=r"bins: .*ascending ages"):
        validate(_Options, {"bins": bins})


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("31.25", 31.25),
        (" 7 ", 7.0),
        ("150", 150.0),
        *((text, None) for text in ("0", "0.0", "", "NULL", "nan", "-1", "151", "inf", "30-39")),
    ],
)
def test_what_is_no_age_is_missing(text: str, age: float | None) -> None:
    assert parse(text) == age


def test_ages_are_joined_by_name_whatever_the_order(tmp_path: Path) -> None:
    file = _write(
        tmp_path / "x.csv", "AGE,gender, FileName", "31,f,1/a.jpg", "0,m,1/b.jpg", "22,m,2\\c.PNG", "x,m,d"
    )
    with Ages([file]) as ages:
        assert ages.of("2/c.jpg") == 22
        assert ages.of("1/a.jpg") == 31
        assert ages.of("1/b.jpg") is None
        assert ages.of("c.jpg") is None
        assert ages.of("nowhere", "1/a") == 31
        ages.check()


def test_names_without_folders_are_joined_by_the_last_part_if_asked_for(tmp_path: Path) -> None:
    with Ages([_write(tmp_path / "x.csv", "name,age", "a.jpg,31")]) as ages:
        assert ages.of("7/a.jpg") is None
        assert ages.of("7/a.jpg", "a.jpg") == 31


def test_an_age_may_be_given_twice_and_one_of_nothing_does_not_count(tmp_path: Path) -> None:
    with Ages(
        [_write(tmp_path / "x.csv", "path,age", "a.jpg,31", "a.png,31.0", "b,0", "b,33", "b,")]
    ) as ages:
        assert ages.of("a.jpg") == 31
        assert ages.of("b.jpg") == 33


def test_two_ages_for_one_name_are_refused(tmp_path: Path) -> None:
    files = [
        _write(tmp_path / "x.csv", "path,age", "a.jpg,31"),
        _write(tmp_path / "y.csv", "path,age", "a.png,32"),
    ]
    with pytest.raises(ConfigError, match=r"image 'a.png' has two ages: 31, and 32 in .*y.csv"):
        Ages(files)


def test_names_are_joined_in_another_spelling_and_exact_ones_first(tmp_path: Path) -> None:
    lines = ("e\u0301.jpg;31,5", "Mixed.JPG;40", "a.jpg;50", "A.jpg;60")
    with Ages([_write(tmp_path / "x.csv", "path;age", *lines)]) as ages:
        names = ("\xe9.png", "mixed.jpg", "a.jpg", "A.jpg")
        assert [ages.of(name) for name in names] == [31.5, 40, 50, 60]
    with Ages([_write(tmp_path / "y.csv", "path,age", "Bb.jpg,50", "bB.jpg,60")]) as ages:
        assert ages.of("bb.jpg") is None


def test_names_that_fit_no_image_are_an_error(tmp_path: Path) -> None:
    with Ages([_write(tmp_path / "x.csv", "path,age", "a.jpg,31")]) as ages:
        ages.of("b.jpg")
        with pytest.raises(ConfigError, match=r"none of the images has an age in .*x\.csv"):
            ages.check()


def test_ages_without_names_follow_the_list_of_that_name(tmp_path: Path) -> None:
    _write(tmp_path / "training_age.csv", "age", "31", "0", "22.5", ending="\r\n")
    _write(tmp_path / "Validation_age.csv", "age", "44")
    with Ages([tmp_path], lists=("training", "validation")) as ages:
        assert list(ages.beside("training", "abc")) == [("a", 31.0), ("b", None), ("c", 22.5)]
        assert list(ages.beside("validation", "x")) == [("x", 44.0)]
        assert list(ages.beside("automatically_annotated", "yz")) == [("y", None), ("z", None)]
        assert ages.of("a") is None
        ages.check()


@pytest.mark.parametrize(("listed", "given_ages"), [(5, 3), (3, 5), (0, 1), (1, 0)])
def test_another_number_of_ages_than_of_rows_is_an_error_that_tells_both(
    tmp_path: Path, listed: int, given_ages: int
) -> None:
    file = _write(tmp_path / "training_age.csv", "age", *["31"] * given_ages)
    with (
        Ages([file], lists=("training",)) as ages,
        pytest.raises(ConfigError, match=f"has {given_ages} ages, but training.csv has {listed} rows"),
    ):
        list(ages.beside("training", range(listed)))


def test_ages_without_names_or_a_lists_name_are_refused(tmp_path: Path) -> None:
    file = _write(tmp_path / "ages.csv", "age", "31")
    with pytest.raises(
        ConfigError,
        match=r"no column of image names .* its name is not training_age.csv or validation_age.csv",
    ):
        Ages([file], lists=("training", "validation"))
    with pytest.raises(ConfigError, match="no column of image names") as caught:
        Ages([file])
    assert "called" not in caught.value.message


def test_ages_of_one_list_given_twice_are_refused(tmp_path: Path) -> None:
    files = [_write(tmp_path / name / "training_age.csv", "age", "31") for name in "ab"]
    with pytest.raises(
        ConfigError, match=r"ages of training.csv are given twice: .*a/training_age.csv, .*b/"
    ):
        Ages(files, lists=("training",))


def test_files_that_are_missing_or_no_ages_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"cannot read .*x\.csv"):
        Ages([tmp_path / "x.csv"])
    with pytest.raises(MissingError, match="no CSV file in"):
        Ages([tmp_path])
    with pytest.raises(LayoutError, match="no header with any of the columns age"):
        Ages([_write(tmp_path / "x.csv", "path,years", "a.jpg,31")])


def test_no_files_give_no_ages() -> None:
    with Ages([]) as ages:
        assert not ages
        assert ages.of("a.jpg") is None
        assert list(ages.beside("training", "ab")) == [("a", None), ("b", None)]
        ages.check()


def test_memory_does_not_grow_with_the_names(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        file = _write(
            tmp_path / "x.csv", "path,age", *(f"{number}/{number:056x}.jpg,31" for number in range(count))
        )
        tracemalloc.start()
        with Ages([file]) as ages:
            assert ages.of(f"0/{0:056x}.jpg") == 31
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak(10)  # what is made once
    # 10,000 names more would take 1.3 MB as strings; the database's pages are not Python's, and are bounded
    assert peak(10_100) < peak(100) + 100_000
