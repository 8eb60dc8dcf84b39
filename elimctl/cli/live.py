"""The live table of a preparation, on stderr, silent where that is no terminal."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from elimctl.cli import console

if TYPE_CHECKING:
    from rich.table import Table

    from elimctl.prepare.outcome import Outcome

REFRESH_S = 0.25
SHOWN_REASONS = 8  # the most frequent; a terminal has 24 lines


@contextmanager
def live(total: int) -> "Iterator[Callable[[Outcome], None]]":
    """A table of what became of the rows so far.

    Args:
        total: number of rows.

    Yields:
        What to call with each outcome.
    """
    from rich.live import Live

    err = console.stderr()
    dropped = Counter[str]()
    done, started, shown = 0, time.monotonic(), 0.0
    with Live(console=err, auto_refresh=False, transient=True) as screen:

        def update(outcome: "Outcome") -> None:
            nonlocal done, shown
            done += 1
            if outcome.reason is not None:
                dropped[outcome.reason.partition(":")[0]] += 1
            now = time.monotonic()
            if err.is_terminal and now - shown >= REFRESH_S:
                shown = now
                screen.update(_table(total, done, dropped, now - started), refresh=True)

        yield update


def _table(total: int, done: int, dropped: Counter[str], elapsed_s: float) -> "Table":
    from rich.table import Table
    from rich.text import Text

    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    rows = [("found", f"{total:,}"), ("done", f"{done:,}"), ("kept", f"{done - dropped.total():,}")]
    rows += [(f"dropped: {reason}", f"{count:,}") for reason, count in dropped.most_common(SHOWN_REASONS)]
    rows += [("images/s", f"{rate:.0f}"), ("time left", _duration((total - done) / rate) if rate else "-")]
    table = Table(show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def _duration(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
