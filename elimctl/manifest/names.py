"""Names as people mean them: one spelling for what is written with other bytes.

An accent may be one character or two (Unicode's NFC and NFD), and a list may be written in the code of an old
computer (Windows-1252). What looks the same is the same name. Letters of another case or width stay others.
"""

from unicodedata import is_normalized, normalize

# What a table has in the place of a name that is not known, in any case.
MISSING = frozenset({"", "-", "--", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "?"})


def canonical(text: str) -> str:
    r"""The spelling that a name is compared by.

    Args:
        text: a name; bytes that are not UTF-8 are lone surrogates, as `os.fsdecode` gives them.

    Returns:
        The name in NFC. A name with bytes that are not UTF-8 is read as Windows-1252.

    Example:
        >>> canonical("e\u0301") == canonical("\udce9") == "\xe9"
        True
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = _windows(text)
    return text if is_normalized("NFC", text) else normalize("NFC", text)


def tidy(text: str) -> str:
    """A name in its canonical spelling, with single blanks between its words and none around it."""
    return " ".join(canonical(text).split())


def caseless(text: str) -> str:
    r"""What names have in common that differ in the case of letters only.

    Letters of other alphabets and ligatures stay themselves, so `\ufb01` is not `fi`.
    """
    return canonical(canonical(text).lower().replace("\u03c2", "\u03c3"))  # sigma at the end of a word


def known(text: str | None) -> str | None:
    """A name that a table gives somebody, None where it says that the name is missing (`NA`, `null`, `-`)."""
    name = tidy(text or "")
    return None if name.lower() in MISSING else name


def to_bytes(text: str) -> bytes:
    """A name as a database keeps it: bytes that are not UTF-8 come back as they were, see `to_text`."""
    return text.encode("utf-8", "surrogateescape")


def to_text(content: bytes) -> str:
    """The name that `to_bytes` was given."""
    return content.decode("utf-8", "surrogateescape")


def _windows(text: str) -> str:
    """Text that is not UTF-8, read as Windows-1252; the five bytes that this lacks are those of Latin-1."""
    try:
        content = to_bytes(text)
    except UnicodeEncodeError:  # half a character, which is no byte
        return text.encode("utf-8", "backslashreplace").decode()
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")
