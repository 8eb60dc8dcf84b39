"""Figures and faces as data URIs."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from elimctl.errors import ElimctlError
from elimctl.figures.save import rendered
from elimctl.figures.style import DARK, LIGHT, Drawing, Look
from elimctl.report.subject import Subject
from elimctl.stages.figures_of_run import OF_RUN

BYTES = 3_000_000  # of all figures of a page
FACE_PX = 72  # side of a face
QUALITY = 80  # of its JPEG
# Of figures whose own title tells one sample, what they are of all.
TITLES = {"timeline_median": "A clip of median error", "timeline_worst": "The clip with the largest error"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of a run.

    Args:
        run: the run's name.
        name: of the figure, as `elimctl figures` calls it.
        title: what it is.
        alt: what it shows, in words.
        light: data URI for light paper, and for print.
        dark: data URI for a dark screen.
    """

    run: str
    name: str
    title: str
    alt: str
    light: str
    dark: str

    @property
    def size(self) -> int:
        """Bytes in the page."""
        return len(self.light) + len(self.dark)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A figure that is not on the page.

    Args:
        run: the run's name.
        name: of the figure.
        why: the reason.
    """

    run: str
    name: str
    why: str


def pictures(subjects: Sequence[Subject], only: Sequence[str] = ()) -> tuple[list[Picture], list[Skipped]]:
    """The figures of the runs, as many as there is room for, and those that are not among them.

    Args:
        subjects: the runs.
        only: names of the figures that are wanted; none for all.

    Returns:
        The figures of one kind next to each other, in the order of the runs.
    """
    found: list[Picture] = []
    skipped: list[Skipped] = []
    room = BYTES
    for name in only or OF_RUN:
        for subject in subjects:
            try:
                picture = _picture(name, subject)
            except ElimctlError as error:
                skipped.append(Skipped(subject.name, name, error.message))
                continue
            if picture.size > room:
                why = "left out to keep the page small; elimctl figures draws it"
                skipped.append(Skipped(subject.name, name, why))
                continue
            room -= picture.size
            found.append(picture)
    return found, skipped


def faces(wanted: Iterable[tuple[Subject, np.ndarray]]) -> dict[tuple[str, int], str]:
    """Faces as data URIs, by dataset and row of the manifest.

    Args:
        wanted: runs, and rows of their datasets' manifests.

    Returns:
        None of a dataset that cannot be read any more.
    """
    found: dict[tuple[str, int], str] = {}
    for subject, rows in wanted:
        missing = [int(row) for row in rows if (subject.dataset, int(row)) not in found]
        try:
            reader = subject.material.dataset.reader
        except ElimctlError:
            continue
        for row, image in zip(missing, reader.read(missing) if missing else [], strict=True):
            found[subject.dataset, row] = _jpeg(image)
    return found


def _picture(name: str, subject: Subject) -> Picture:
    drawn = [(OF_RUN[name](subject.material, look), look) for look in (LIGHT, DARK)]
    light, dark = (_data("image/png", _small(drawing, look)) for drawing, look in drawn)
    drawing = drawn[0][0]
    return Picture(subject.name, name, TITLES.get(name, drawing.title), drawing.alt, light, dark)


def _small(drawing: Drawing, look: Look) -> bytes:
    """A PNG with a palette: a third of one without, and less than an SVG whose text is paths."""
    image = Image.open(BytesIO(rendered(drawing, "png", look=look))).convert("RGB")
    content = BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(content, format="png", optimize=True)
    return content.getvalue()


def _jpeg(image: np.ndarray) -> str:
    content = BytesIO()
    small = Image.fromarray(image).resize((FACE_PX, FACE_PX), Image.Resampling.LANCZOS)
    small.save(content, format="jpeg", quality=QUALITY, optimize=True)
    return _data("image/jpeg", content.getvalue())


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def members(subjects: Sequence[Subject], rows: Sequence[np.ndarray]) -> Iterator[tuple[Subject, np.ndarray]]:
    """Runs with numbers of samples in their tables, as rows of the manifests of their datasets."""
    for subject, chosen in zip(subjects, rows, strict=True):
        yield subject, subject.table.row[chosen]
