"""Tables of the page, and how numbers are written in them."""

from collections.abc import Sequence
from dataclasses import dataclass

from elimctl.metrics.table import METRICS
from elimctl.text import decimal

MISSING = "\N{EN DASH}"
FIRST = ("ccc", "pcc", "sagr", "rmse", "mae")
# Metrics in the order of the columns; further metrics follow in the order of the table.
SHOWN = (*FIRST, *(name for name in METRICS if name not in FIRST))


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Args:
        text: what it says.
        value: what it is sorted by; None for its text, and for a number that is missing.
        note: small print below: an interval, or why there is no number.
        tone: `good`, `bad` or `own` where it stands out; never the only sign of what it means.
        image: data URI of a face, empty for none.
    """

    text: str
    value: float | None = None
    note: str = ""
    tone: str = ""
    image: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        title: its header.
        numeric: whether it holds numbers, which are aligned right.
    """

    title: str
    numeric: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page; the first cell of each row is its header.

    Args:
        name: of the element, unique on the page.
        caption: what it shows.
        columns: of all rows.
        rows: each as long as the columns.
        notes: what to know about it, below it.
        sortable: whether a click on a header sorts it, and a text filters it.
        counted: what a row is, for the number of those shown: `identities`.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()
    sortable: bool = False
    counted: str = "rows"


def number(value: float | None, *, digits: int = 3) -> str:
    """A score as text, with a minus sign of the width of a digit; a dash for none."""
    return MISSING if value is None else decimal(value, digits)


def signed(value: float) -> str:
    """A difference as text."""
    return decimal(value, 3, sign="+")


def interval(ends: Sequence[float] | None, *, digits: int = 3) -> str:
    """An interval as text, empty for none."""
    return "" if ends is None else " to ".join(number(end, digits=digits) for end in ends)


def signed_interval(ends: Sequence[float] | None) -> str:
    """The interval of a difference as text, empty for none."""
    return "" if ends is None else " to ".join(map(signed, ends))


def score(value: float | None, *, note: str = "", tone: str = "") -> Cell:
    """A cell with a score."""
    return Cell(number(value), value, note, tone)


NOT_DEFINED = score(None, note="not defined")


def count(value: int) -> Cell:
    """A cell with a whole number."""
    return Cell(f"{value:,}", value)
