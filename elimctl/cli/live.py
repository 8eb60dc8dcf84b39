"""The live table of `prepare` on stderr; shown only in a terminal."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from elimctl.cli import console

if TYPE_CHECKING:
    from rich.table import Table

    from elimctl.prepare.extract import Outcome

REFRESHES_PER_S = 4
SHOWN_REASONS = 8  # the most frequent; a terminal has 24 lines


@contextmanager
def live(total: int) -> "Iterator[Callable[[Outcome], None]]":
    """A table of kept and dropped rows, drawn by a thread because outcomes come in bursts.

    Yields:
        A function to call with each outcome.
    """
    from rich.live import Live

    err = console.stderr()
    dropped: dict[str, int] = {}
    done, started = 0, time.monotonic()

    def update(outcome: "Outcome") -> None:
        nonlocal done
        done += 1
        if outcome.reason is not None:
            kind = outcome.reason.partition(":")[0]
            dropped[kind] = dropped.get(kind, 0) + 1

    def table() -> "Table":
        return _table(total, done, Counter(dropped.copy()), time.monotonic() - started)

    shown = err.is_terminal
    with Live(
        console=err,
        get_renderable=table,
        auto_refresh=shown,
        refresh_per_second=REFRESHES_PER_S,
        transient=True,
    ):
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
