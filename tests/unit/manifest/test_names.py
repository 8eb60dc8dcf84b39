import pytest
from hypothesis import given
from hypothesis import strategies as st

from elimctl.manifest.names import canonical, caseless, known, tidy
from elimctl.manifest.row import Row


@pytest.mark.parametrize("written", ["Jos\xe9", "Jose\u0301", "Jos\udce9"])
def test_one_name_has_one_spelling_in_nfc_nfd_and_windows_1252(written: str) -> None:
    assert canonical(written) == "Jos\xe9"
    row = Row(path="a", identity=written, clip="a", frame=0, actor=f" {written} ", expression=written)
    assert (row.identity, row.actor, row.expression) == ("Jos\xe9",) * 3


@pytest.mark.parametrize(
    ("one", "other"),
    [("\ufb01", "fi"), ("\ufb01e\u0301", "fi\xe9"), ("\uff21", "A"), ("2", "\xb2"), ("ID0", "id0")],
)
def test_what_looks_different_stays_different(one: str, other: str) -> None:
    assert tidy(one) != tidy(other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("A\u0301.JpG", "\xe1.jpg", True),
        ("\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c2", True),
        ("\u0130", "i", False),
        ("\u0131", "i", False),
        ("\xdf", "ss", False),
        ("\ufb01", "fi", False),
    ],
)
def test_case_is_all_that_caseless_passes_over(one: str, other: str, same: bool) -> None:
    assert (caseless(one) == caseless(other)) is same


@pytest.mark.parametrize("text", ["", " ", "NA", "nan", "NULL", "None", "-", "n/a", "N/A", "\xa0", None])
def test_words_for_a_missing_name_are_no_name(text: str | None) -> None:
    assert known(text) is None


@pytest.mark.parametrize("text", ["Nan Goldin", "Naomi", "0", "nana", "no"])
def test_names_like_these_words_are_names(text: str) -> None:
    assert known(text) == text


@given(st.text() | st.binary().map(lambda content: content.decode("utf-8", "surrogateescape")))
def test_spellings_are_stable(text: str) -> None:
    for spelled in (canonical, tidy, caseless):
        assert spelled(spelled(text)) == spelled(text)
