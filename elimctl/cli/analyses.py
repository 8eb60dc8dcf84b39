"""The tables of `elimctl eval --slice`, `--calibration`, `--invariance` and `--smooth`."""

import shutil
from typing import TYPE_CHECKING, Any

from elimctl.cli import console
from elimctl.cli.tables import ends, within
from elimctl.text import counted

if TYPE_CHECKING:
    from elimctl.commands.analyses import Analyses
    from elimctl.metrics.calibration import Reliability
    from elimctl.metrics.invariance import Measured
    from elimctl.metrics.slices import Gap, Slice, Slices
    from elimctl.metrics.smoothing import Smoothing, Stage
    from elimctl.metrics.spread import Deviation

SHOWN = 10  # slices at either end of the order of their scores; the file has all
NEEDED = 5  # columns of a table of slices that are shown whatever room there is
SHORTEST = 8  # letters of a slice's name that are


def show(found: "Analyses") -> None:
    """Print the tables of all finished analyses; `end` reports the others."""
    for sliced in (found.slices or {}).values():
        _show_slices(sliced)
    for axis, reliability in (found.calibration or {}).items():
        _show_reliability(reliability, axis)
    if found.invariance is not None:
        _show_invariance(found.invariance)
    if found.smoothing is not None:
        _show_smoothing(found.smoothing)


def end(found: "Analyses") -> None:
    """Raise the last error of failed analyses, after printing the others."""
    if not found.failed:
        return
    *others, last = found.failed
    for error in others:
        console.error(error.message, error.hint)
    raise last


def _show_slices(found: "Slices") -> None:
    """Print a row per slice and the widest gap; of many slices the lowest and the highest."""
    of_axes = "mean" in found.slices[0].scores
    shown = found.slices
    if len(shown) > 2 * SHOWN:
        order = sorted(shown, key=lambda part: _shown(part, of_axes)[0] or 0.0)
        shown = order[:SHOWN] + order[-SHOWN:]
    scores = ["CCC", "95 % interval", "valence", "arousal"]
    if not of_axes:
        scores = ["accuracy", "95 % interval", "balanced", "F1"]
    columns, rows, whole = _fitted(
        ["", "n", "id", *scores],
        [[part.name, part.count, part.identities, *_shown(part, of_axes)] for part in shown],
    )
    console.show_table(columns, rows, title=f"scores by {found.column} (n: samples, id: identities)")
    if not whole:
        console.say("the terminal is too narrow for all columns; the file has them")
    if found.remark:
        console.say(found.remark)
    if len(shown) < len(found.slices):
        console.say(f"shown: {SHOWN} lowest and {SHOWN} highest of {len(found.slices):,}; the file has all")
    gaps = {"CCC": found.gaps["mean"]["ccc"]} if of_axes else {"accuracy": found.gaps["accuracy"]}
    for name, gap in gaps.items():
        console.say(f"by {found.column}: {_gap(name, gap, found)}")


def _fitted(columns: list[str], rows: list[list[Any]]) -> tuple[list[str], list[list[Any]], bool]:
    """A table whose rows fit the terminal, and whether it is complete."""

    def lacking() -> int:
        cells = zip(columns, *rows, strict=True)
        return 1 + sum(3 + max(map(_width, column)) for column in cells) - shutil.get_terminal_size().columns

    whole = lacking() <= 0
    if not whole:
        columns, rows = columns[:NEEDED], [row[:NEEDED] for row in rows]
    if (over := lacking()) > 0:
        room = max(max(len(row[0]) for row in rows) - over, SHORTEST)
        rows = [[_shortened(row[0], room), *row[1:]] for row in rows]
    return columns, rows, whole


def _width(value: Any) -> int:
    """Width of a table cell in characters."""
    if isinstance(value, float):
        return len(f"{value:.3f}")
    return len(f"{value:,}" if isinstance(value, int) else value or "-")


def _shortened(name: str, room: int) -> str:
    """A name of at most `room` characters; the end is kept, because names differ there."""
    return name if len(name) <= room else "\N{HORIZONTAL ELLIPSIS}" + name[len(name) - room + 1 :]


def _shown(part: "Slice", of_axes: bool) -> list[Any]:
    """Cells of a slice."""
    if not of_axes:
        accuracy, *others = part.scores.values()
        return [accuracy, within(part.intervals["accuracy"]), *others]
    valence, arousal, both = (
        None if f"{axis}.ccc" in part.undefined else values["ccc"] for axis, values in part.scores.items()
    )
    return [both, within(part.intervals["mean"]["ccc"]), valence, arousal]


def _gap(score: str, gap: "Gap | None", found: "Slices") -> str:
    """The widest gap in words."""
    from dataclasses import asdict

    from elimctl.metrics.binning import UNKNOWN
    from elimctl.metrics.wording import gap_sentence

    return gap_sentence(
        score,
        asdict(gap) if gap else None,
        compared=len(found.compared),
        interval=ends(gap.low, gap.high) if gap else None,
        empty=all(part.name == UNKNOWN for part in found.slices),
    )


def _show_reliability(found: "Reliability", axis: str) -> None:
    """Print a row per bin and the calibration line."""
    console.show_table(
        ("predicted", "true", "gap", "samples", "identities"),
        [
            (part.predicted, part.true, part.true - part.predicted, part.count, part.identities)
            for part in found.bins
        ],
        title=f"calibration of {axis}: means of bins",
    )
    line = "no line, because predictions are constant"
    if found.slope is not None:
        slope = _with_interval(found.slope, found.slope_interval)
        line = f"true = {_with_interval(found.intercept, found.intercept_interval)} + {slope} x predicted"
    console.say(f"{axis}: expected calibration error {found.error:.3f}; {line}")


def _with_interval(value: float, interval: list[float] | None) -> str:
    return f"{value:.3f}" + (f" ({ends(*interval)})" if interval else "")


def _show_invariance(found: "Measured") -> None:
    """Print how well identity can be recovered from features, and the spread of predictions."""
    from dataclasses import asdict

    from elimctl.metrics.wording import invariance_rows

    console.show_table(
        ("identity in features (lower is better)", "found", "chance"),
        invariance_rows(asdict(found)),
        title=_size(found.samples, found.identities),
    )
    if found.across != "clips":
        console.say("identities have one clip each, so marks of the clip count as identity")
    if found.spread is None:
        return
    spread = found.spread
    rows: list[tuple[str, Deviation | None]] = [
        ("predictions, between identities", spread.between),
        ("labels, between identities", spread.of_labels),
        ("predictions, within identities", spread.within),
    ]
    console.show_table(
        ("standard deviation at equal labels", "valence", "arousal", "mean"),
        [(name, *_deviations(deviation)) for name, deviation in rows],
        title=f"{_size(spread.samples, spread.identities)}; cells: {spread.cells}",
    )


def _deviations(found: "Deviation | None") -> tuple[float | None, ...]:
    return (None, None, None) if found is None else (found.valence, found.arousal, found.mean)


def _show_smoothing(found: "Smoothing") -> None:
    """Print scores before and after smoothing, unless no window helps."""
    tried = ", ".join(f"{one.window}: {one.ccc:.3f}" for one in found.candidates)
    if found.window == 1:
        console.say(f"no smoothing: no window improves the CCC of the training clips (by window: {tried})")
        return
    metrics = found.before.scores["mean"]
    console.show_table(
        ("", "", "before", "after", "difference", "95 % interval"),
        [_smoothed(found, axis, metric) for metric in metrics for axis in found.before.scores],
        title=f"moving average over {counted(found.window, 'frame')}",
    )
    if found.remark:
        console.say(found.remark)
    console.say(f"the window has the best CCC on the training clips (by window: {tried})")


def _smoothed(found: "Smoothing", axis: str, metric: str) -> tuple[str | float | None, ...]:
    """A row of the table; undefined scores are dashes."""
    from elimctl.metrics.table import TITLES

    def value(stage: "Stage") -> float | None:
        return None if f"{axis}.{metric}" in stage.undefined else stage.scores[axis][metric]

    between = within(found.difference.intervals[axis][metric])
    values = map(value, (found.before, found.after, found.difference))
    return TITLES[metric], axis, *values, between


def _size(samples: int, identities: int) -> str:
    """How much scores are of."""
    return f"{counted(samples, 'sample')}, {counted(identities, 'identity', 'identities')}"
