"""Words and names in what people are shown."""

import re

# What XML cannot hold, and what a terminal would obey: control characters, halves of pairs, no characters.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """A text from data as one line that any file and any terminal can hold: without control characters."""
    return " ".join(UNPRINTABLE.sub("", text).split())


def shortened(text: str, longest: int) -> str:
    """A text of at most so many characters; of a longer one both ends are kept.

    Args:
        text: any.
        longest: characters, >= 1.
    """
    if len(text) <= longest:
        return text
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end]}…{text[len(text) - end :]}"


def decimal(value: float, digits: int, *, sign: str = "") -> str:
    """A number with so many decimals, a minus sign of the width of a digit, and none before 0.

    Args:
        value: finite.
        digits: decimals.
        sign: `+` for a sign before every number.
    """
    return f"{round(value, digits) + 0.0:{sign}.{digits}f}".replace("-", "\N{MINUS SIGN}")


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number with what it counts, as "1 sample" or "1,200 samples".

    Args:
        count: >= 0.
        one: of what it counts.
        many: of them; None for `one` with an s.
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
