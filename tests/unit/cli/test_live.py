import io
import time
from collections import Counter

import pytest
from rich.console import Console

from elimctl.cli import console, live
from elimctl.prepare.extract import Outcome


def test_the_table_adds_up_and_fits_a_terminal() -> None:
    text = io.StringIO()
    dropped = Counter({f"reason {number}": number for number in range(1, 13)})
    Console(file=text, width=80).print(live._table(1000, 200, dropped, 10.0))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 24
    cells = [line.strip("│").split("│") for line in lines if line.startswith("│")]
    shown = {name.strip(): value.strip() for name, value in cells}
    assert shown["found"] == "1,000"
    assert shown["done"] == "200"
    assert shown["kept"] == "122"  # 200 less 1 + 2 + ... + 12
    assert shown["dropped: reason 12"] == "12"
    assert shown["images/s"] == "20"
    assert shown["time left"] == "0:40"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (61, "1:01"), (3600, "1:00:00")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert live._duration(seconds) == text


def test_where_there_is_no_terminal_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr(console, "stderr", lambda: Console(file=text))
    with live.live(2) as update:
        update(Outcome())
        update(Outcome(reason="no face found"))
    assert text.getvalue() == ""


def test_what_came_all_at_once_is_shown_while_nothing_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr(console, "stderr", lambda: Console(file=text, width=80, force_terminal=True))
    with live.live(2000) as update:
        for _ in range(1234):
            update(Outcome())
        until = time.monotonic() + 20
        while "1,234" not in text.getvalue() and time.monotonic() < until:
            time.sleep(0.05)
        shown = text.getvalue()
    assert "1,234" in shown
