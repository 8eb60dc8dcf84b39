"""Text for people: names, numbers, printable characters."""

import re

# Characters that XML cannot hold or a terminal would obey: controls, surrogates, noncharacters.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """A text from data as one line without control characters."""
    return " ".join(UNPRINTABLE.sub("", text).split())


def shortened(text: str, longest: int) -> str:
    """A text cut to `longest` characters (>= 1) by removing its middle."""
    if len(text) <= longest:
        return text
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end]}…{text[len(text) - end :]}"


def decimal(value: float, digits: int, *, sign: str = "") -> str:
    """A finite number with a typographic minus sign, and no sign before 0; `sign="+"` adds plus signs."""
    return f"{round(value, digits) + 0.0:{sign}.{digits}f}".replace("-", "\N{MINUS SIGN}")


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number and its noun: "1 sample", "1,200 samples"; `many` is the plural if it is not `one` + s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
