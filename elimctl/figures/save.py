"""Figures as files: PNG and SVG, whole or not at all, the same bytes each time, and saying what they show."""

from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape

from matplotlib import style

from elimctl import atomic
from elimctl.figures.style import DPI, LIGHT, Drawing, Look, settings
from elimctl.text import printable

FORMATS = ("png", "svg")
MAKER = "elimctl"  # matplotlib would note its version, and change all files with it


def rendered(drawing: Drawing, form: str, *, command: str = "", look: Look = LIGHT, dpi: int = DPI) -> bytes:
    """A figure as the bytes of a file.

    Args:
        drawing: the figure.
        form: `png` or `svg`.
        command: that makes it again, noted in the file.
        look: that it was drawn with.
        dpi: dots per inch of a PNG.

    Returns:
        The same for the same figure and versions of matplotlib; with title and description.
    """
    noted, command = {"Title": drawing.title, "Description": drawing.alt}, printable(command)
    if form == "png":
        metadata: dict[str, str | None] = {**noted, "Software": MAKER, "Source": command}
    else:
        metadata = {**noted, "Creator": MAKER, "Source": command or None, "Date": None}
    content = BytesIO()
    with style.context(["default", settings(look)]):
        drawing.figure.savefig(content, format=form, metadata=metadata, dpi=dpi)
    return _described(content.getvalue(), drawing.alt) if form == "svg" else content.getvalue()


def save(drawing: Drawing, path: Path, *, command: str = "", look: Look = LIGHT) -> list[Path]:
    """Write a figure as PNG and as SVG, each atomically.

    Args:
        drawing: the figure.
        path: of the files, without their ending.
        command: that makes them again.
        look: that it was drawn with.

    Returns:
        The files.
    """
    files = [path.with_name(f"{path.name}.{form}") for form in FORMATS]
    for file, form in zip(files, FORMATS, strict=True):
        atomic.write_bytes(file, rendered(drawing, form, command=command, look=look))
    return files


def _described(svg: bytes, alt: str) -> bytes:
    """An SVG that says what it shows to who does not see it, where it stands in a page without more."""
    head, begin, rest = svg.partition(b"<svg ")
    opened, end, body = rest.partition(b">")
    description = f"\n <desc>{escape(alt)}</desc>".encode()
    title_end = body.find(b"</title>")
    place = title_end + len(b"</title>") if title_end >= 0 else 0
    return b"".join([head, begin, b'role="img" ', opened, end, body[:place], description, body[place:]])
