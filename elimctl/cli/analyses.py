"""The tables of `elimctl eval --slice`, `--calibration`, `--invariance` and `--smooth`."""

from typing import TYPE_CHECKING, Any

from elimctl.cli import console
from elimctl.cli.evaluate import ends, label

if TYPE_CHECKING:
    from elimctl.evaluate.calibration import Reliability
    from elimctl.evaluate.invariance import Measured
    from elimctl.evaluate.slices import Gap, Slice, Slices
    from elimctl.evaluate.smoothing import Smoothing
    from elimctl.evaluate.spread import Deviation
    from elimctl.stages.analyses import Analyses

SHOWN = 10  # slices at either end of the order of their scores; the file has all


def show(found: "Analyses") -> None:
    """The tables of what was asked for."""
    for sliced in (found.slices or {}).values():
        _show_slices(sliced)
    for axis, reliability in (found.calibration or {}).items():
        _show_reliability(reliability, axis)
    if found.invariance is not None:
        _show_invariance(found.invariance)
    if found.smoothing is not None:
        _show_smoothing(found.smoothing)


def _show_slices(found: "Slices") -> None:
    """A row per slice, and the widest gap; of many slices the lowest and the highest."""
    of_axes = "mean" in found.slices[0].scores
    shown = found.slices
    if len(shown) > 2 * SHOWN:
        order = sorted(shown, key=lambda part: _shown(part, of_axes)[0] or 0.0)
        shown = order[:SHOWN] + order[-SHOWN:]
    scores = ("CCC", "95 % interval", "valence", "arousal")
    if not of_axes:
        scores = ("accuracy", "95 % interval", "balanced", "F1")  # type: ignore[assignment]
    console.show_table(
        ("", "samples", "identities", *scores),
        [(part.name, part.count, part.identities, *_shown(part, of_axes)) for part in shown],
        title=f"by {found.column}",
    )
    if len(shown) < len(found.slices):
        console.say(f"the {SHOWN} lowest and {SHOWN} highest of {len(found.slices):,}; the file has all")
    gaps = {"CCC": found.gaps["mean"]["ccc"]} if of_axes else {"accuracy": found.gaps["accuracy"]}
    for name, gap in gaps.items():
        console.say(f"{name} by {found.column}: {_gap(gap, found)}")


def _shown(part: "Slice", of_axes: bool) -> list[Any]:
    """The cells of a slice."""
    if not of_axes:
        accuracy, *others = part.scores.values()
        return [accuracy, ends(*(part.intervals["accuracy"] or (None, None))), *others]
    valence, arousal, both = (
        None if f"{axis}.ccc" in part.undefined else values["ccc"] for axis, values in part.scores.items()
    )
    return [both, ends(*(part.intervals["mean"]["ccc"] or (None, None))), valence, arousal]


def _gap(gap: "Gap | None", found: "Slices") -> str:
    """The widest gap in words."""
    if gap is None:
        return "no gap, fewer than two slices have enough samples and labels that vary"
    between = ends(gap.low, gap.high)
    sure = f"95 % interval {between}" if between else "no interval over so few identities"
    return (
        f"widest gap {gap.gap:.3f} ({sure}), from {gap.smallest} to {gap.largest}, "
        f"among {len(found.compared):,} slices"
    )


def _show_reliability(found: "Reliability", axis: str) -> None:
    """A row per bin, and the line through all of them."""
    console.show_table(
        ("predicted", "true", "gap", "samples", "identities"),
        [
            (part.predicted, part.true, part.true - part.predicted, part.count, part.identities)
            for part in found.bins
        ],
        title=f"reliability of {axis}, means of bins",
    )
    slope = _with_interval(found.slope, found.slope_interval)
    intercept = _with_interval(found.intercept, found.intercept_interval)
    console.say(
        f"{axis}: expected calibration error {found.error:.3f}; true = {intercept} + {slope} x predicted"
    )


def _with_interval(value: float | None, interval: list[float] | None) -> str:
    if value is None:
        return "(not defined: predictions are constant)"
    return f"{value:.3f}" + (f" ({ends(*interval)})" if interval else "")


def _show_invariance(found: "Measured") -> None:
    """What features tell of identities, beside what chance does; how far predictions lie apart."""
    left = found.features
    console.show_table(
        ("identity left in features, lower is better", "found", "chance"),
        [
            (f"linear probe, across {found.across}", left.probe, left.probe_chance),
            ("neighbours of the same identity", found.purity, found.purity_chance),
            ("neighbours of it that show something else", left.neighbours, left.neighbours_chance),
        ],
        title=f"{found.samples:,} samples, {found.identities:,} identities",
    )
    if found.across != "clips":
        console.say("identities have one clip each: what marks a clip counts as its identity")
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
        title=f"{spread.samples:,} samples, {spread.identities:,} identities; cells: {spread.cells}",
    )


def _deviations(found: "Deviation | None") -> tuple[float | None, ...]:
    return (None, None, None) if found is None else (found.valence, found.arousal, found.mean)


def _show_smoothing(found: "Smoothing") -> None:
    """Scores before and after."""
    before, after, change = found.before, found.after, found.difference
    rows = [
        (
            label(metric),
            axis,
            value,
            after.scores[axis][metric],
            change.scores[axis][metric],
            ends(*(change.intervals[axis][metric] or (None, None))),
        )
        for axis, values in before.scores.items()
        for metric, value in values.items()
    ]
    tried = ", ".join(f"{one.window}: {one.ccc:.3f}" for one in found.candidates)
    console.show_table(
        ("", "", "before", "after", "difference", "95 % interval"),
        rows,
        title=f"moving average over {found.window} frames",
    )
    console.say(f"CCC of the training clips by window, of which the best was taken: {tried}")
