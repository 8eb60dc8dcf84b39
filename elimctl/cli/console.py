"""Output: messages and bars on stderr, tables and JSON on stdout."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from elimctl.processes import LOST as LOST

if TYPE_CHECKING:
    from rich.console import Console  # rich loads in the functions, not on --help

Item = TypeVar("Item")


def say(text: str) -> None:
    """Write a message to stderr; stdout is for data."""
    from rich.text import Text

    stderr().print(Text(text), soft_wrap=True)


def error(message: str, hint: str | None) -> None:
    """Write an error and its hint to stderr, one line each."""
    sys.stderr.write(f"error: {message}\n")
    if hint:
        sys.stderr.write(f"hint: {hint}\n")


def show_json(value: Any) -> None:
    """Write a value to stdout as JSON."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Write a table to stdout, with columns of numbers aligned right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [[_cell(value) for value in row] for row in rows]
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for number, column in enumerate(columns):
        numeric = all(_is_number(row[number]) for row in cells) if cells else False
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def track(items: Iterable[Item], label: str, *, total: int | None = None) -> Iterator[Item]:
    """Yield items while a bar on stderr counts them; shown only in a terminal."""
    with bar(label, total=total) as advance:
        for item in items:
            yield item
            advance()


@contextmanager
def bar(label: str, *, total: int | None = None) -> Iterator[Any]:
    """A progress bar on stderr; shown only in a terminal.

    Yields:
        `advance(note="", by=1)`: counts items, and shows a note next to the bar.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = stderr()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(label, total=total, note="")

        def advance(note: str = "", *, by: int = 1) -> None:
            progress.update(task, advance=by, note=note)

        yield advance


def stderr() -> "Console":
    """The console of stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{round(value, 3) + 0.0:.3f}"  # + 0.0: no "-0.000"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.replace(",", "").replace(".", "").removeprefix("-").isdigit()
