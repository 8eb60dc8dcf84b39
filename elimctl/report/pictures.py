"""Figures and faces as data URIs."""

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO

import numpy as np
from PIL import Image

from elimctl.errors import ElimctlError
from elimctl.figures.of_run import OF_RUN
from elimctl.figures.of_runs import OF_RUNS
from elimctl.figures.save import rendered
from elimctl.figures.style import DARK, DPI, LIGHT, Drawing, Look
from elimctl.report.subject import Subject

BYTES = 3_000_000  # of all figures of a page
FACE_PX = 72  # side of a face
QUALITY = 80  # of its JPEG
# Of figures whose own title tells one sample, what they are of all.
TITLES = {
    "timeline_median": "A clip of median error",
    "timeline_worst": "The clip with the largest error",
    "plan_map": "Transport plan of one pair of identities",
}
# Figures of runs of classes, and of any run; all others are of valence and arousal.
OF_CLASSES = ("confusion_matrix", "latent_rows", "latent_history", "uncertainty_rank", "loss_comparison")
OF_BOTH = ("calibration", "training_curves")
TOGETHER = "all runs together"  # in the place of a run's name
MANY = 3  # runs whose figures stand in narrow columns
FINE, COARSE = (DPI, 256), (100, 64)  # dots per inch and colours of figures of few runs, and of many


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of a run.

    Args:
        run: the run's name, or what says that all are in it.
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
        run: the run's name, empty where it is not there for any of them.
        name: of the figure.
        why: the reason.
    """

    run: str
    name: str
    why: str


def pictures(subjects: Sequence[Subject], only: Sequence[str] = ()) -> tuple[list[Picture], list[Skipped]]:
    """The figures of the runs, as many kinds as there is room for, and those that are not among them.

    A kind is there for all runs that it applies to, or for none. Where what is drawn so far tells that
    there is no room for another kind it is not drawn at all: some of them take minutes.

    Args:
        subjects: the runs.
        only: names of the figures that are wanted; none for all.

    Returns:
        Those of several runs together, then those of one kind next to each other, in the order of the runs.
    """
    found: list[Picture] = []
    skipped: list[Skipped] = []
    drawn: list[Picture] = []  # whether or not there was room
    for name in _wanted(subjects, only):
        room = BYTES - sum(picture.size for picture in found)
        several = name in OF_RUNS
        expected = sum(picture.size for picture in drawn) / max(len(drawn), 1)
        if expected * (1 if several else len(subjects)) > room and _may_apply(name, subjects):
            skipped.append(_no_room(subjects, name))
            continue
        own, not_drawn = _together(name, subjects) if several else _one_by_one(name, subjects)
        drawn += own
        skipped += not_drawn
        if sum(picture.size for picture in own) > room:
            skipped.append(_no_room(subjects, name))
        else:
            found += own
    return found, skipped


def _wanted(subjects: Sequence[Subject], only: Sequence[str]) -> list[str]:
    """Names of figures, those that matter most first."""
    known = [*(OF_RUNS if len(subjects) > 1 else ()), *OF_RUN]
    return [name for name in dict.fromkeys(only or known) if name in known]


def _may_apply(name: str, subjects: Sequence[Subject]) -> bool:
    """Whether any of the runs learns what a figure shows; if not, that is soon said without drawing it."""
    learned = {subject.learns_classes for subject in subjects}
    return name in OF_BOTH or (name in OF_CLASSES) in learned


def _no_room(subjects: Sequence[Subject], name: str) -> Skipped:
    runs = " ".join(subject.name for subject in subjects)
    why = f"left out to keep the page small; elimctl report {runs} --only {name} shows it alone"
    return Skipped("", name, f"{why}, elimctl figures {runs} --only {name} draws it as a file")


def _together(name: str, subjects: Sequence[Subject]) -> tuple[list[Picture], list[Skipped]]:
    """A figure of several runs."""
    materials = [subject.material for subject in subjects]
    try:
        made = _picture(TOGETHER, name, partial(OF_RUNS[name], materials), len(subjects))
    except ElimctlError as error:
        return [], [Skipped("", name, subjects[0].told(error))]
    return [made], []


def _one_by_one(name: str, subjects: Sequence[Subject]) -> tuple[list[Picture], list[Skipped]]:
    """A figure of each run that it applies to."""
    found, skipped = [], []
    for subject in subjects:
        draw = partial(OF_RUN[name], subject.material)
        try:
            found.append(_picture(subject.name, name, draw, len(subjects)))
        except ElimctlError as error:
            skipped.append(Skipped(subject.name, name, subject.told(error)))
    if not found and len({one.why for one in skipped}) == 1:
        skipped = [Skipped("", name, skipped[0].why)]
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


def _picture(run: str, name: str, draw: Callable[[Look], Drawing], runs: int) -> Picture:
    drawn = [(draw(look), look) for look in (LIGHT, DARK)]
    fine = FINE if runs < MANY else COARSE
    light, dark = (_data("image/png", _png(drawing, look, *fine)) for drawing, look in drawn)
    drawing = drawn[0][0]
    return Picture(run, name, TITLES.get(name, drawing.title), drawing.alt, light, dark)


def _png(drawing: Drawing, look: Look, dpi: int, colours: int) -> bytes:
    """A PNG with a palette: a third of one without, and less than an SVG whose text is paths."""
    small = BytesIO()
    image = Image.open(BytesIO(rendered(drawing, "png", look=look, dpi=dpi))).convert("RGB")
    image.quantize(colours, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return small.getvalue()


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
