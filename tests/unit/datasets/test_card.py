import typing
from pathlib import Path

import pytest

from elimctl import package_data, plugins
from elimctl.datasets import card as cards
from elimctl.datasets.card import Card, Comparison, Totals
from elimctl.errors import ConfigError, MissingError

WRITTEN = sorted(
    file.stem for file in package_data.folder("data_manifest").glob("*.toml") if file.stem != "columns"
)


@pytest.mark.parametrize("name", WRITTEN)
def test_every_card_is_read(name: str) -> None:
    card = cards.read(name)
    texts = (
        card.summary,
        card.page,
        card.obtain,
        card.terms,
        card.layout,
        card.split.rule,
        card.citation.text,
    )
    assert all(text.strip() for text in texts)
    assert card.identity
    assert set(card.split.official) <= {"train", "val", "test"}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_card_names_the_identities_that_its_reader_knows_the_default_first(name: str) -> None:
    field = plugins.find("datasets", name).Options.model_fields["identity"]
    modes = typing.get_args(field.annotation)
    assert tuple(cards.read(name).identity) == modes
    assert field.default == modes[0]


def test_a_dataset_without_a_card_is_named() -> None:
    with pytest.raises(
        MissingError, match=r"no card for dataset 'nobody'; expected one of the files .*nobody\.toml"
    ):
        cards.read("nobody")


@pytest.mark.parametrize("file_name", ["my-set.toml", "my_set.toml"])
def test_a_dataset_of_another_package_has_its_card_beside_it(
    file_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "file", lambda room, name: tmp_path / "my_set.py")
    (tmp_path / file_name).write_text(
        'name = "Mine"\ntitle = "My set"\n[labels]\nnames = ["valence"]\nshipped = [-1, 1]\nscale = 1\n'
    )
    card = cards.read("my-set")
    assert (card.name, card.labels.scale, card.terms, card.identity) == ("Mine", 1, "", {})


def test_a_wrong_key_in_a_card_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (package_data.folder("data_manifest") / "afew-va.toml").read_text(encoding="utf-8")
    (tmp_path / "afew-va.toml").write_text(text.replace("clips = 600", "clip = 600"), encoding="utf-8")
    monkeypatch.setattr(package_data, "folder", lambda name: tmp_path)
    with pytest.raises(ConfigError, match=r"afew-va\.toml\.totals\.clip") as caught:
        cards.read("afew-va")
    assert "totals.clips" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("comparison", "missing", "sentence"),
    [
        (Comparison("clips", 590, 600), 10, "clips: 590 of 600, 10 missing"),
        (Comparison("clips", 600, 600), 0, "clips: all 600"),
        (Comparison("clips", 1602, 600), 0, "clips: all 600, and 1,002 more"),
        (Comparison("rows", 29_999, 30_000, exact=False), 1, "rows: 29,999 of at least 30,000, 1 missing"),
        (Comparison("rows", 30_000, 30_000, exact=False), 0, "rows: 30,000, at least 30,000 expected"),
    ],
)
def test_a_comparison_says_what_is_missing(comparison: Comparison, missing: int, sentence: str) -> None:
    assert comparison.missing == missing
    assert comparison.sentence == sentence


def test_only_totals_that_both_have_are_compared() -> None:
    card: Card = cards.read("afew-va").model_copy(
        update={"totals": Totals(clips=600, train=5), "totals_at_least": Totals(rows=30_000, val=7)}
    )
    found = {"clips": 600, "rows": 31_000, "identities": 240}
    assert cards.compare(card, found) == [
        Comparison("clips", 600, 600),
        Comparison("rows", 31_000, 30_000, exact=False),
    ]
    assert cards.compare(card, {}) == []
