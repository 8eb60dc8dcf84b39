"""From what is known of runs to one HTML file."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from elimctl.errors import DataError
from elimctl.report.analyses import Analyses
from elimctl.report.data import DataPart
from elimctl.report.pictures import Picture, Skipped
from elimctl.report.plane import Plane, as_json
from elimctl.report.rerun import Rerun
from elimctl.report.tables import Table

LIMIT = 5_000_000  # bytes of a page


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the page shows, as plain text; nothing here is HTML.

    Args:
        title: of the page.
        summary: what there is to know, in one sentence.
        remarks: what to know before any number is read.
        scores: tables of scores.
        differences: tables of paired differences.
        incomparable: why some runs have no such differences.
        published: tables of published numbers.
        planes: whose points show their row.
        pictures: figures, those of one kind next to each other.
        skipped: figures that are not there.
        analyses: what else was found of the runs.
        identities: tables of identities.
        clips: the worst clips.
        data: the datasets.
        settings: those that differ between runs, None where there are none.
        reruns: recipes and commands.
        provenance: hashes, versions, environment.
        shows_faces: whether there are faces on the page.
    """

    title: str
    summary: str
    remarks: Sequence[str]
    scores: Sequence[Table]
    differences: Sequence[Table]
    incomparable: Sequence[str]
    published: Sequence[Table]
    planes: Sequence[Plane]
    pictures: Sequence[Picture]
    skipped: Sequence[Skipped]
    analyses: Analyses
    identities: Sequence[Table]
    clips: Table
    data: Sequence[DataPart]
    settings: Table | None
    reruns: Sequence[Rerun]
    provenance: Table
    shows_faces: bool

    @property
    def runs(self) -> list[str]:
        """Names of the runs."""
        return [one.run for one in self.reruns]

    @property
    def galleries(self) -> list[tuple[str, list[Picture]]]:
        """Figures as they stand: all of one run together; of several, each kind with its title."""
        if len(self.runs) == 1:
            return [("", list(self.pictures))] if self.pictures else []
        kinds = groupby(self.pictures, key=lambda picture: picture.name)
        found = [list(group) for _, group in kinds]
        return [(group[0].title, group) for group in found]


def render(page: Page) -> str:
    """The page as HTML: one file, without network, scripts from elsewhere, or clock times.

    Args:
        page: what it shows; every text is escaped.

    Returns:
        The same for the same page.

    Raises:
        DataError: it is larger than `LIMIT`.
    """
    style, script = _file("page.css"), _file("page.js")
    html = (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            style=Markup(style),  # our own files
            script=Markup(script),
            points=Markup(as_json(page.planes)),  # escaped there
            style_hash=_hash(style),
            script_hash=_hash(script),
            version=version("elimctl"),
        )
    )
    size = len(html.encode("utf-8"))
    if size > LIMIT:
        raise DataError(
            f"the page would have {size / 1e6:.1f} MB, at most {LIMIT / 1e6:.0f} wanted",
            hint="report fewer runs on one page",
        )
    return html


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _file(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What the page's policy calls a style or script by; anything else in their place does not run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"
