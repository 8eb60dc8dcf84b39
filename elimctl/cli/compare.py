"""`elimctl compare`."""

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from elimctl.cli import console, evaluate, options, tables
from elimctl.text import counted

if TYPE_CHECKING:
    from elimctl.metrics.compare import Change, Comparison


def compare(
    first: Annotated[str, Argument(help="First run (a).")],
    second: Annotated[str, Argument(help="Second run (b).")],
    split: Annotated[
        str, Option(help="Split to compare on: train, val, all, or a split of the dataset.")
    ] = "val",
    resamples: evaluate.Resamples = None,
    seed: evaluate.Seed = 0,
    device: options.Device = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Compare two runs on the same samples.

    Shows each difference with a 95 % interval over identities.
    """
    from dataclasses import asdict

    from elimctl import workspace as workspaces
    from elimctl.commands.compare import compare_runs

    found = compare_runs(
        workspaces.locate(workspace),
        first,
        second,
        split=split,
        resampling=evaluate.resampling(resamples, seed),
        execution=options.execution(device),
    )
    if as_json:
        changes = [asdict(change) | {"real": change.real} for change in found.changes]
        console.show_json(asdict(found) | {"changes": changes})
        return
    console.show_table(
        ("metric", "", "a", "b", "b - a", "95 % interval", "real"),
        [_row(change) for change in found.changes],
        title=f"a: {found.a}, b: {found.b} on {found.dataset}, {found.split}: "
        f"{counted(found.count, 'sample')}, {counted(found.identities, 'identity', 'identities')}",
    )
    for change in found.changes:
        if change.axis in (None, "mean"):
            console.say(sentence(found, change))
    for remark in found.remarks:
        console.say(f"note: {remark}")


def _row(change: "Change") -> tuple[str | float | None, ...]:
    """A line of the table: dashes for what is not defined, or cannot be said without an interval."""
    from elimctl.metrics.table import TITLES

    a, b = (None if run in change.undefined else value for run, value in (("a", change.a), ("b", change.b)))
    return (
        TITLES[change.metric],
        change.axis or "",
        a,
        b,
        None if change.undefined else change.difference,
        tables.ends(change.low, change.high),
        None if change.low is None else change.real,
    )


def sentence(found: "Comparison", change: "Change") -> str:
    """Whether two runs differ in one score, in one sentence."""
    from elimctl.metrics.table import TITLES

    name = TITLES[change.metric]
    if change.undefined:
        lacking = " and ".join(found.a if run == "a" else found.b for run in change.undefined)
        return f"{name}: not defined for {lacking} (predictions or labels are constant)"
    said = f"{name}: {found.b} has {change.b:.3f}, {found.a} has {change.a:.3f}"
    if found.no_interval:
        return f"{said}; whether that is real cannot be said ({found.no_interval})"
    if change.low is None or change.high is None:
        if change.difference == 0:
            return f"{said}; no identity differs"
        return f"{said}; the difference is the same in every identity, so it has no interval"
    between = f"95 % interval of the difference {change.low:+.3f} to {change.high:+.3f}"
    if not change.real:
        return f"{said}; no difference is shown ({between})"
    return f"{said}; {found.b if change.better else found.a} is better, the difference is real ({between})"
