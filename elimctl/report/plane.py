"""The plane of valence and arousal whose points show their row."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from elimctl.figures.arrays import thinned
from elimctl.figures.plane import REACH
from elimctl.report.groups import sample_errors
from elimctl.report.subject import Subject

POINTS = 1500  # in all planes of a page
SIDE = 400  # of the drawing, its own unit
MARGIN = 40  # around the axes, likewise; room for the numbers
FACES = 600  # points that show a face, of all planes together
SMALLEST, GROWTH = 2.4, 0.7  # radius of a point at the smallest distance, and what each step adds
STEPS = (0.1, 0.25, 0.5)  # distances at which the colour of a point changes


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on both axes.

    Args:
        text: its value.
        x: its place from the left, in the drawing's unit.
        y: its place from the top.
    """

    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Point:
    """One prediction.

    Args:
        x: its place from the left, in the drawing's unit.
        y: its place from the top.
        step: how far it is from its label, 0 to 3.
    """

    x: float
    y: float
    step: int

    @property
    def radius(self) -> float:
        """Of the point: larger errors are larger points, for who does not tell the colours apart."""
        return round(SMALLEST + self.step * GROWTH, 1)


@dataclass(frozen=True, slots=True)
class Plane:
    """The plane of one run.

    Args:
        name: of the element.
        run: name of the run.
        alt: what it shows, in words.
        points: predictions, by rising error.
        shown: what of all samples they are, in words.
        rows: what each point shows: row, identity, clip, frame, path, labels, predictions, number of its face
            on the page, -1 for none; for JSON.
        faces: data URIs by that number, empty where the page shows none; the same list for all planes.
        ticks: of both axes.
        legend: what each colour means.
    """

    name: str
    run: str
    alt: str
    points: Sequence[Point]
    shown: str
    rows: dict[str, object]
    faces: Sequence[str]
    ticks: Sequence[Tick]
    legend: Sequence[str]


def planes(subjects: Sequence[Subject], faces: dict[tuple[str, int], str] | None = None) -> list[Plane]:
    """A plane for each run of valence and arousal.

    Args:
        subjects: the runs.
        faces: data URIs by dataset and row of the manifest.
    """
    own = [subject for subject in subjects if not subject.learns_classes]
    reach = min(REACH, max([1.0, *(_reach(subject, len(own)) for subject in own)]))
    return [
        _plane(f"plane-{place}", subject, shown_rows(subject, len(own)), reach, faces or {})
        for place, subject in enumerate(own)
    ]


def faced_rows(subjects: Sequence[Subject]) -> list[np.ndarray]:
    """For each run numbers of the samples whose faces its plane shows: all points if they are not too many.

    Runs that show the same samples show the same faces, each of which is on the page once.
    """
    own = [subject for subject in subjects if not subject.learns_classes]
    shown = [
        np.array([], np.int64) if subject.learns_classes else shown_rows(subject, len(own))
        for subject in subjects
    ]
    different = {
        (subject.dataset, row)
        for subject, rows in zip(subjects, shown, strict=True)
        for row in subject.table.row[rows].tolist()
    }
    share = min(1.0, FACES / max(len(different), 1))
    return [
        rows[np.linspace(0, len(rows), int(len(rows) * share), endpoint=False).astype(int)] for rows in shown
    ]


def shown_rows(subject: Subject, runs: int) -> np.ndarray:
    """Numbers (k,) of the samples that a plane shows, the same for runs scored on the same samples."""
    return thinned(len(subject.table), POINTS // runs)


def _reach(subject: Subject, runs: int) -> float:
    """The largest absolute value that a plane shows."""
    chosen = shown_rows(subject, runs)
    return float(np.abs([subject.table.preds[chosen], subject.table.target[chosen]]).max())


def _plane(
    name: str, subject: Subject, chosen: np.ndarray, reach: float, faces: dict[tuple[str, int], str]
) -> Plane:
    table = subject.table
    errors = sample_errors(subject)[chosen]
    order = np.argsort(errors, kind="stable")
    chosen, errors = chosen[order], errors[order]
    preds = table.preds[chosen]
    outside = int((np.abs(preds) > reach).any(axis=1).sum())
    x, y = _places(np.clip(preds, -reach, reach), reach)
    steps = np.digitize(errors, STEPS)
    identities, identity = np.unique(table.identities.code[chosen], return_inverse=True)
    clips, clip = np.unique(table.clips.code[chosen], return_inverse=True)
    numbers = {place: number for number, place in enumerate(faces)}
    numbered = [numbers.get((subject.dataset, row), -1) for row in table.row[chosen].tolist()]
    rows = {
        "reach": reach,
        "identities": [table.identities.names[code] for code in identities],
        "clips": [table.clips.names[code] for code in clips],
        "identity": identity.tolist(),
        "clip": clip.tolist(),
        "row": table.row[chosen].tolist(),
        "frame": table.frame[chosen].tolist(),
        "path": table.path[chosen].tolist(),
        "target": np.round(table.target[chosen], 4).tolist(),
        "preds": np.round(preds, 4).tolist(),
        "faces": numbered if faces else [],
    }
    everything = len(chosen) == len(table)
    shown = (
        f"All {len(table):,} samples."
        if everything
        else f"{len(chosen):,} of {len(table):,} samples, chosen at random with a fixed seed."
    )
    if faces:
        faced = sum(number >= 0 for number in numbered)
        shown += f" {faced:,} of them have a face on this page."
    if outside:
        shown += f" {outside:,} lie outside the plane and are shown at its edge."
    far = int((steps == len(STEPS)).sum())
    alt = (
        f"Predictions of {subject.name} in the plane of valence and arousal. {shown} {far:,} of them are "
        f"more than {STEPS[-1]} from their label."
    )
    points = [Point(*place) for place in zip(x.tolist(), y.tolist(), steps.tolist(), strict=True)]
    return Plane(name, subject.name, alt, points, shown, rows, [*faces.values()], _ticks(reach), _legend())


def _places(values: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Places of (n, 2) valence and arousal in the drawing: to the right, and upwards."""
    scaled = MARGIN + (values / reach + 1) / 2 * (SIDE - 2 * MARGIN)
    return np.round(scaled[:, 0], 1), np.round(SIDE - scaled[:, 1], 1)


def _ticks(reach: float) -> list[Tick]:
    values = np.array([-1, -0.5, 0, 0.5, 1])
    x, y = _places(np.stack([values, values], axis=1), reach)
    texts = [f"{value:g}".replace("-", "\N{MINUS SIGN}") for value in values]
    return [Tick(*place) for place in zip(texts, x.tolist(), y.tolist(), strict=True)]


def _legend() -> list[str]:
    between = [f"{low:g} to {high:g}" for low, high in pairwise(STEPS)]
    return [f"less than {STEPS[0]:g}", *between, f"more than {STEPS[-1]:g}"]


def as_json(planes: Sequence[Plane]) -> str:
    r"""What the points show, for a script element: nothing in it can end that element.

    `<` and `&` are written as `\u003c` and `\u0026`, and so are the two ends of lines that JSON allows
    and JavaScript once did not.
    """
    values = {plane.name: plane.rows for plane in planes} | {"faces": planes[0].faces if planes else []}
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
