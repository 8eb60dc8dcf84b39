from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from elimctl.config import Config, merge, nested, parse_set, read_toml, validate, write_toml
from elimctl.errors import ConfigError, MissingError


class Inner(Config):
    reg: float = 0.2
    n_iter: int = 5


class Outer(Config):
    inner: Inner = Inner()
    name: str = "x"


def test_later_layers_win_and_none_leaves_the_earlier_value():
    assert merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"c": None}}) == {"a": {"b": 3, "c": 2}}


def test_merge_leaves_its_arguments_alone():
    first = {"a": {"b": 1}}
    merge(first, {"a": {"b": 2}})
    assert first == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "value"),
    [("5e-5", 5e-5), ("[1, 2]", [1, 2]), ("true", True), ('"7"', "7"), ("gumbel", "gumbel"), ("a=b", "a=b")],
)
def test_set_reads_values_as_toml_and_bare_words_as_strings(text, value):
    assert parse_set([f"method.key={text}"]) == {"method": {"key": value}}


@pytest.mark.parametrize("assignment", ["reg", "=1", "a..b=1"])
def test_set_without_key_or_value_is_refused(assignment):
    with pytest.raises(ConfigError, match="expected KEY=VALUE"):
        parse_set([assignment])


def test_dotted_keys_become_nested_tables():
    assert nested({"a.b": 1, "a.c.d": 2, "e": 3}) == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}


def test_an_unknown_key_names_the_nearest_known_one():
    with pytest.raises(ConfigError, match=r"unknown key inner\.n_itr") as caught:
        validate(Outer, {"inner": {"n_itr": 3}})
    assert caught.value.hint == "write inner.n_iter"


def test_an_unknown_key_in_a_list_of_tables_is_named_with_its_place():
    class Listed(Config):
        entries: tuple[Inner, ...] = ()
        perhaps: Inner | None = None

    with pytest.raises(ConfigError, match=r"unknown key entries\.1\.n_itr; known there: .*n_iter") as caught:
        validate(Listed, {"entries": [{}, {"n_itr": 3}]})
    assert caught.value.hint == "write entries.1.n_iter"
    with pytest.raises(ConfigError) as caught:
        validate(Listed, {"perhaps": {"n_itr": 3}})
    assert caught.value.hint == "write perhaps.n_iter"


def test_a_value_that_does_not_fit_is_named_with_its_key_and_what_was_found():
    with pytest.raises(ConfigError, match=r"method\.inner\.reg: .*found 'warm'"):
        validate(Outer, {"inner": {"reg": "warm"}}, where="method")


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"kind": "c"}, "set kind to one of a, b"),
        ({"share": 2}, "set share to a number of at least 0 and below 1"),
        ({"steps": 0}, "set steps to a whole number above 0"),
        ({"inner": {"reg": "warm"}}, "set inner.reg to a number"),
        ({"kinds": ["a", "c"]}, "set each entry of kinds to one of a, b"),
        ({"pair": [0.5, "x"]}, "set each entry of pair to a number"),
        ({"on": "perhaps"}, "set on to true or false"),
    ],
)
def test_the_hint_for_an_invalid_value_names_the_allowed_ones(values, hint):
    class Limited(Config):
        kind: Literal["a", "b"] = "a"
        kinds: tuple[Literal["a", "b"], ...] = ()
        share: Annotated[float, Field(ge=0, lt=1)] = 0.0
        steps: Annotated[int, Field(gt=0)] | None = None
        pair: tuple[float, float] = (0.0, 1.0)
        on: bool = False
        inner: Inner = Inner()

    with pytest.raises(ConfigError) as caught:
        validate(Limited, values)
    assert caught.value.hint == hint


@given(st.dictionaries(st.sampled_from("abc"), st.integers() | st.booleans() | st.text(max_size=5)))
def test_toml_round_trip_keeps_values(tmp_path_factory, values):
    file = tmp_path_factory.mktemp("toml") / "values.toml"
    write_toml(file, {"table": values, "gone": None})
    assert read_toml(file) == {"table": values}


def test_a_recipe_that_is_no_toml_names_file_and_line(tmp_path):
    file = tmp_path / "broken.toml"
    file.write_text("[train]\nsteps = = 5\n")
    with pytest.raises(ConfigError, match=r"broken\.toml is not TOML: .*line 2"):
        read_toml(file)


def test_a_binary_recipe_is_refused_as_no_toml(tmp_path):
    file = tmp_path / "image.toml"
    file.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_toml(file)


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(MissingError, match=r"gone\.toml"):
        read_toml(tmp_path / "gone.toml")
