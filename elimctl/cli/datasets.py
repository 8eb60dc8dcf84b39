"""`elimctl datasets`."""

from collections.abc import Iterator
from textwrap import TextWrapper, indent
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument

from elimctl.cli import console, options
from elimctl.errors import ConfigError, MissingError

if TYPE_CHECKING:
    from elimctl.datasets.card import Card

WIDTH = 80  # of prose; layouts of folders keep their own lines
CLUSTER = "cluster: faces that look alike, clustered by elimctl; for every dataset"


def datasets(
    name: Annotated[str | None, Argument(help="Dataset; shows its whole card.")] = None,
    as_json: options.Json = False,
) -> None:
    """List the supported datasets, or show one.

    A card has the source, terms, layout, labels, identities and splits of a dataset.
    """
    if name is not None:
        _show(name, as_json=as_json)
        return
    cards = list(_cards())
    if as_json:
        console.show_json([_values(name, card) for name, card in cards])
        return
    columns = ("dataset", "content, labels and source")
    console.show_table(columns, [(name, _summary(card)) for name, card in cards], title="Datasets")
    console.say("whole card: elimctl datasets NAME")


def _cards() -> "Iterator[tuple[str, Card | str]]":
    """Every dataset with its card, or with the reason why it has none."""
    from elimctl import plugins
    from elimctl.datasets import card

    for name in plugins.names("datasets"):
        try:
            yield name, card.read(name)
        except MissingError:
            yield name, "no card"
        except ConfigError as error:
            yield name, f"its card cannot be read: {error.message}"


def _values(name: str, card: "Card | str") -> dict[str, object]:
    """What --json writes of a dataset."""
    found = {"problem": card} if isinstance(card, str) else card.model_dump(exclude_none=True)
    return {"dataset": name, **found}


def _summary(card: "Card | str") -> str:
    """What the list says of a dataset; ends with an empty line, between it and the next."""
    if isinstance(card, str):
        return f"{card}\n"
    lines = {
        "": card.title,
        "labels": _labels(card),
        "identity": ", ".join(card.identity),
        "split": _official(card),
    }
    texts = [f"{name:<11}{text}".strip() if name else text for name, text in lines.items() if text]
    page = card.page.rstrip("/")  # one character more would fold the longest address
    return "".join(f"{text}\n" for text in [*texts, page] if text)


def _labels(card: "Card") -> str:
    low, high = card.labels.shipped
    measured = [name for name in card.labels.names if name in ("valence", "arousal")]
    others = [name for name in card.labels.names if name not in measured]
    ranged = [f"{' and '.join(measured)} in [{low}, {high}]"] if measured else []
    return ", ".join(ranged + others)


def _official(card: "Card") -> str:
    return ", ".join(card.split.official) or "none official"


def _show(name: str, *, as_json: bool) -> None:
    """Show the whole card of a dataset."""
    from elimctl import plugins
    from elimctl.datasets.card import read

    plugin = plugins.find("datasets", name)  # first: it knows the near name of one that does not exist
    card = read(name)
    note: str | None = getattr(plugin, "NOTE", None)
    if as_json:
        console.show_json({**_values(name, card), "note": note})
        return
    typer.echo(typer.style(name, bold=True))
    typer.echo(_paragraphs(card.title))
    for heading, text in _sections(card, note):
        typer.echo(f"\n{typer.style(heading, bold=True)}\n{text}")


def _sections(card: "Card", note: str | None) -> "Iterator[tuple[str, str]]":
    """Headings and texts of a card; what the card leaves empty is left out."""
    totals = [("", card.totals), ("at least ", card.totals_at_least)]
    counts = [
        f"{name}: {word}{number:,}"
        for word, table in totals
        for name, number in table.model_dump(exclude_none=True).items()
    ]
    modes = [f"{mode}: {meaning}" for mode, meaning in card.identity.items()]
    sections = {
        "What it is": _paragraphs(card.summary),
        "Note": _paragraphs(note or ""),
        "How to get it": _paragraphs(card.obtain, card.page),
        "Terms": _paragraphs(card.terms),
        "Layout": indent(card.layout.strip("\n"), "  "),
        "Labels": _paragraphs(f"{_labels(card)}, as shipped"),
        "A complete copy has": _paragraphs(*counts),
        "Identities": _paragraphs(*modes, CLUSTER),
        "Splits": _paragraphs(f"official: {_official(card)}", card.split.rule),
        "Cite": _paragraphs(card.citation.text, *card.citation.links),
    }
    yield from ((heading, text) for heading, text in sections.items() if text)


def _paragraphs(*texts: str) -> str:
    """Texts, each from a line of its own; its further lines are set further in. Empty ones are left out."""
    wrapper = TextWrapper(WIDTH, initial_indent="  ", subsequent_indent="    ")
    wrapper.break_long_words = wrapper.break_on_hyphens = False  # addresses stay whole
    return "\n".join(wrapper.fill(text.strip()) for text in texts if text)
