"""Dataset cards: description, source, terms and totals of a complete copy."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from elimctl import package_data, plugins
from elimctl.config import Config, read_toml, validate
from elimctl.errors import MissingError

Number = int | float  # as the card writes it: -10 is not shown as -10.0


class Labels(Config):
    """Labels of the dataset.

    Args:
        names: the labels as shipped: `valence`, `arousal`, `expression`.
        shipped: lowest and highest valence and arousal as shipped.
        scale: shipped / scale is the manifest's [-1, 1].
    """

    names: tuple[str, ...]
    shipped: tuple[Number, Number]
    scale: Number


class Totals(Config):
    """Totals of a complete copy, counted as in the manifest with dropped rows; None if unknown."""

    rows: int | None = None
    clips: int | None = None
    identities: int | None = None  # in the dataset's default mode
    train: int | None = None  # rows of the official split; `val` and `test` likewise
    val: int | None = None
    test: int | None = None


class Split(Config):
    """How the dataset is split.

    Args:
        official: names of the splits it is shipped with, as in the manifest.
        rule: how elimctl splits it.
    """

    official: tuple[str, ...] = ()
    rule: str = ""


class Citation(Config):
    """What to cite; `doi` and `arxiv` may be None."""

    text: str = ""
    doi: str | None = None
    arxiv: str | None = None

    @property
    def links(self) -> list[str]:
        """Addresses of the paper."""
        doi = [f"https://doi.org/{self.doi}"] if self.doi else []
        return doi + ([f"https://arxiv.org/abs/{self.arxiv}"] if self.arxiv else [])


class Card(Config):
    """Description of a dataset.

    `name`, `title` and `labels` are required.

    Args:
        name: in its authors' spelling.
        title: its authors' description.
        summary: content, in one or two sentences.
        page: address of its page, or empty.
        obtain: how to get it, and which folder to pass.
        terms: permitted use.
        layout: its folders and files, as preformatted text.
        labels: what it labels.
        totals: counts of a complete copy.
        totals_at_least: lower limits of counts, if only these are published.
        identity: identity modes and their meaning; the first is the default.
        split: how it is split.
        citation: what to cite.
    """

    name: str
    title: str
    summary: str = ""
    page: str = ""
    obtain: str = ""
    terms: str = ""
    layout: str = ""
    labels: Labels
    totals: Totals = Totals()
    totals_at_least: Totals = Totals()
    identity: dict[str, str] = Field(default_factory=dict)
    split: Split = Split()
    citation: Citation = Citation()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A total of the card compared with the copy."""

    name: str  # field of `Totals`
    found: int
    expected: int  # number in a complete copy
    exact: bool = True  # False: a complete copy has at least this many

    @property
    def missing(self) -> int:
        """How many are not there."""
        return max(self.expected - self.found, 0)

    @property
    def sentence(self) -> str:
        """The comparison for people: `clips: 590 of 600, 10 missing`."""
        expected = f"{self.expected:,}" if self.exact else f"at least {self.expected:,}"
        if self.missing:
            return f"{self.name}: {self.found:,} of {expected}, {self.missing:,} missing"
        if not self.exact:
            return f"{self.name}: {self.found:,}, {expected} expected"
        surplus = self.found - self.expected
        return f"{self.name}: all {expected}" + (f", and {surplus:,} more" if surplus else "")


def read(name: str) -> Card:
    """Read the card of a dataset.

    Args:
        name: as users write the plug-in (`afew-va`).

    Raises:
        MissingError: there is no card; datasets of other packages may lack one.
        ConfigError: the card cannot be read; the message names the file and the key.
    """
    places = _places(name)
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise MissingError(
            f"no card for dataset {name!r}; expected one of the files {', '.join(map(str, places))}",
            hint="write one as described in docs/extending.md",
        )
    return validate(Card, read_toml(file), where=file.name)


def _places(name: str) -> list[Path]:
    """Possible files of a card: among the cards of this package, or beside the plug-in."""
    beside = plugins.file("datasets", name)
    return [
        package_data.folder("data_manifest") / f"{name}.toml",
        *([] if beside is None else [beside.with_name(f"{name}.toml"), beside.with_suffix(".toml")]),
    ]


def compare(card: Card, found: Mapping[str, int]) -> list[Comparison]:
    """Compare the totals of a card with a copy, in the card's order.

    Args:
        card: what is expected.
        found: numbers by field of `Totals`.
    """
    totals = ((card.totals, True), (card.totals_at_least, False))
    return [
        Comparison(name, found[name], expected, exact=exact)
        for table, exact in totals
        for name, expected in table.model_dump(exclude_none=True).items()
        if name in found
    ]
