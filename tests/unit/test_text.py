"""Words and names in what figures say."""

from xml.etree import ElementTree

import pytest

from elimctl.metrics.rates import RATES
from elimctl.metrics.table import METRICS, TITLES
from elimctl.text import counted, printable, shortened


def test_any_text_is_made_one_that_xml_can_hold():
    every = "".join(map(chr, range(0x10000)))
    text = ElementTree.fromstring(f"<a>{printable(every).replace('&', '').replace('<', '')}</a>").text
    assert text.isprintable() or not set(text) & set(map(chr, [*range(32), *range(127, 160)]))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("A\x01B", "AB"), ("a\nb\t c", "a b c"), ("\x1b[31mred", "[31mred"), ("\ud800x", "x"), ("中文", "中文")],
)
def test_control_characters_are_left_out_and_lines_joined(text, wanted):
    assert printable(text) == wanted


@pytest.mark.parametrize(
    ("text", "longest", "wanted"), [("abcdef", 6, "abcdef"), ("abcdefg", 6, "abc…fg"), ("ab", 1, "…")]
)
def test_of_a_long_text_both_ends_are_kept(text, longest, wanted):
    assert shortened(text, longest) == wanted
    assert len(wanted) <= longest


def test_one_is_no_plural():
    assert [counted(count, "sample") for count in (0, 1, 1200)] == ["0 samples", "1 sample", "1,200 samples"]
    assert counted(2, "identity", "identities") == "2 identities"


def test_every_metric_has_a_name_that_people_know():
    assert set(TITLES) == {*METRICS, *RATES}
    assert (TITLES["rmse"], TITLES["macro_f1"]) == ("RMSE", "macro F1")
