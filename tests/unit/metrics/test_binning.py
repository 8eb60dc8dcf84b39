import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.errors import ConfigError
from elimctl.metrics import binning
from elimctl.metrics.binning import parts


def named(values, column="gender", kind=None):
    """Name of each value's part."""
    found = parts(pa.chunked_array([pa.array(values, kind)]), column)
    return [found.names[code] for code in found.code]


def test_words_are_parts_as_they_are_and_missing_ones_are_a_part_at_the_end():
    found = parts(pa.chunked_array([["male", None], ["female", "male"]]), "gender")
    assert found.names == ("female", "male", "unknown")
    assert found.code.tolist() == [1, 2, 0, 1]


def test_an_identity_that_stands_for_none_is_unknown_and_a_gender_of_that_name_is_not():
    assert named(["none", "Actor 01"], "identity") == ["unknown", "Actor 01"]
    assert named(["none", "male"]) == ["none", "male"]


@pytest.mark.parametrize(
    ("age", "group"),
    [
        (17.9, "0-17"),
        (18, "18-29"),
        (29.9, "18-29"),
        (30, "30-39"),
        (84.9, "60-84"),
        (85, "85 and over"),
        (0, "unknown"),
        (None, "unknown"),
    ],
)
def test_ages_are_cut_where_the_papers_groups_end(age, group):
    assert named([age], "age", pa.float32()) == [group]


def test_few_different_numbers_are_parts_of_their_own_in_their_order():
    assert named([10, 2, None, 2], "faces", pa.int32()) == ["10", "2", "unknown", "2"]
    found = parts(pa.chunked_array([pa.array([10, 2, None, 2], pa.int32())]), "faces")
    assert found.names == ("2", "10", "unknown")


@pytest.mark.parametrize(
    ("numbers", "names"),
    [
        ([1234567, 1234568], ("1234567", "1234568")),
        ([0.1, 0.5], ("0.1", "0.5")),
        ([-0.0, 2.0], ("0", "2")),
    ],
)
def test_no_two_numbers_have_one_name(numbers, names):
    assert parts(pa.chunked_array([pa.array(numbers, pa.float64())]), "score").names == names


def test_groups_of_ages_are_in_the_order_of_ages():
    groups = ["70+", "4-19", None, "0-3", "20-39", "40-69"]
    found = parts(pa.chunked_array([pa.array(groups)]), "age_group")
    assert found.names == ("0-3", "4-19", "20-39", "40-69", "70+", "unknown")
    words = parts(pa.chunked_array([pa.array(["20-39", "4-19"])]), "clip")
    assert words.names == ("20-39", "4-19")


def test_other_numbers_are_cut_at_their_quartiles():
    scores = np.linspace(0.2, 1, 101)
    found = parts(pa.chunked_array([pa.array([*scores, None])]), "score")
    assert found.names == ("0.2 to 0.4", "0.4 to 0.6", "0.6 to 0.8", "0.8 to 1", "unknown")
    # each lower end is inside, the last upper end too
    assert np.bincount(found.code).tolist() == [25, 25, 25, 26, 1]


def test_ends_that_lie_close_together_get_the_digits_that_tell_them_apart():
    found = parts(pa.chunked_array([pa.array(1 - np.arange(20) * 1e-6)]), "score")
    assert len(set(found.names)) == 4
    assert found.names[-1].endswith(" to 1")


def test_numbers_that_are_mostly_equal_make_fewer_bins():
    found = parts(pa.chunked_array([pa.array([*np.arange(11) / 100, *[1.0] * 100])]), "score")
    assert found.names == ("0 to 1",)


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=60))
def test_every_sample_is_in_one_part_and_no_part_is_empty(values):
    found = parts(pa.chunked_array([pa.array(values, pa.float64())]), "score")
    assert len(found.code) == len(values)
    assert set(found.code.tolist()) == set(range(len(found.names)))
    assert len(set(found.names)) == len(found.names)
    assert [found.names[code] == "unknown" for code in found.code] == [value is None for value in values]


def test_columns_that_make_no_slices_are_refused(monkeypatch):
    with pytest.raises(ConfigError, match="column points holds lists"):
        named([[1.0, 2.0]], "points")
    monkeypatch.setattr(binning, "MOST", 2)
    with pytest.raises(ConfigError, match="column path has 3 different values in 3 samples, at most 2"):
        named(["a", "b", "c"], "path")
