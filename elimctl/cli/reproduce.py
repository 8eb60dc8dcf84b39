"""`elimctl reproduce`."""

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from elimctl.cli import console, options
from elimctl.errors import ConfigError, DataError
from elimctl.text import counted

if TYPE_CHECKING:
    from elimctl.experiments.identity_shift import Benchmark
    from elimctl.experiments.paper_tables import Comparison
    from elimctl.experiments.shift_scores import Report
    from elimctl.metrics.intervals import Interval
    from elimctl.workspace import Workspace

SYNTHETIC = "synthetic"


def reproduce(
    table: Annotated[
        str | None,
        Argument(
            help="elim-1 to elim-4, elim-a1, elim-a2, elim-fig6, dmue-1, dmue-2 or synthetic "
            "[default: list them]."
        ),
    ] = None,
    no_run: Annotated[bool, Option("--no-run", help="Train nothing; show finished runs.")] = False,
    quick: Annotated[
        bool, Option("--quick", help="synthetic only: one seed, two shifts, fewer steps.")
    ] = False,
    method: Annotated[
        list[str] | None, Option(help="synthetic only: method to run; repeatable [default: all].")
    ] = None,
    shift: Annotated[
        list[float] | None,
        Option(min=0, max=1, help="synthetic only: identity shift; repeatable [default: 0, 0.5, 1]."),
    ] = None,
    workers: Annotated[
        int | None,
        Option(min=1, help="synthetic only: runs side by side [default: one per core; 1 on a GPU]."),
    ] = None,
    device: options.Device = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Compare our results with a published table.

    Trains each recipe of the table whose dataset is prepared. synthetic is a benchmark on synthetic faces.
    Re-run the same command to resume.
    """
    from elimctl import workspace as workspaces

    place = workspaces.locate(workspace)
    if table == SYNTHETIC:
        from elimctl.experiments import identity_shift

        benchmark = identity_shift.plan(quick=quick, device=device, methods=method, shifts=shift)
        partial = bool(no_run or method or shift)
        _synthetic(place, benchmark, workers=workers, no_run=no_run, partial=partial, as_json=as_json)
        return
    if quick or method or shift or workers:
        raise ConfigError(
            "--quick, --method, --shift and --workers work only with synthetic",
            hint="leave them out, or run elimctl reproduce synthetic",
        )
    if table is None:
        _list(place, as_json=as_json)
    else:
        _table(place, table, no_run=no_run, device=device, as_json=as_json)


def _list(place: "Workspace", *, as_json: bool) -> None:
    """List the tables, their recipes, and the missing datasets."""
    from elimctl.experiments import paper_tables

    entries = paper_tables.overview(place)
    if as_json:
        console.show_json(entries)
        return
    rows: list[tuple[object, ...]] = [
        (
            entry["table"],
            entry["source"],
            len(entry["recipes"]),
            ", ".join(entry["datasets"]),
            ", ".join(entry["missing"]) or "-",
        )
        for entry in entries
    ]
    rows.append((SYNTHETIC, "identity-shift benchmark", None, "synthetic", "-"))
    console.show_table(("table", "source", "recipes", "datasets", "not prepared"), rows)


def _table(place: "Workspace", table: str, *, no_run: bool, device: str | None, as_json: bool) -> None:
    """Run the recipes of a table, and show its numbers next to ours."""
    from dataclasses import asdict

    from elimctl.cli import train
    from elimctl.experiments import paper_tables
    from elimctl.experiments.driver import Driver

    if table not in paper_tables.TABLES:
        raise ConfigError(
            f"no table {table!r}; there are: {', '.join([*paper_tables.TABLES, SYNTHETIC])}",
            hint="list them with elimctl reproduce",
        )
    states = [paper_tables.state(place, recipe) for recipe in paper_tables.recipes_of(table)]
    failed: dict[str, str] = {}
    if not no_run:
        driver = Driver(follow=train.follow)
        for recipe, step in paper_tables.train(place, states, driver, device=device):
            if isinstance(step, str):
                failed[recipe.name] = step
                console.say(f"{recipe.name} failed: {step}")
            elif step.state == "known":
                console.say(f"run {step.job.name} is already finished")
        states = [paper_tables.state(place, entry.recipe) for entry in states]
    comparison = paper_tables.compare(table, states, failed)
    if as_json:
        console.show_json(asdict(comparison))
    else:
        _show(comparison)
    if failed:
        raise DataError(
            f"{len(failed)} of {len(states)} recipes failed: {', '.join(failed)}",
            hint="fix the errors above, then re-run the same command; finished runs are kept",
        )


def _show(comparison: "Comparison") -> None:
    """The table of the paper's numbers and ours."""
    rows = [
        (
            line.recipe + (f" {line.variant}" if line.variant else ""),
            line.metric,
            line.paper,
            line.ours,
            line.spread,
            line.difference,
            f"{line.seeds}/{line.of}",
        )
        for line in comparison.lines
    ]
    columns = ("recipe", "metric", "paper", "ours", "spread", "difference", "seeds")
    console.show_table(columns, rows, title=comparison.source)
    for note in comparison.notes:
        console.say(note)
    if comparison.not_implemented:
        console.say(f"not implemented: {', '.join(comparison.not_implemented)}")
    for name, reason in comparison.missing.items():
        console.say(f"not prepared, {name}: {reason}")
    for name, reason in comparison.obstacles.items():
        console.say(f"not run, {name}: {reason}")


def _synthetic(
    place: "Workspace",
    benchmark: "Benchmark",
    *,
    workers: int | None,
    no_run: bool,
    partial: bool,
    as_json: bool,
) -> None:
    """Run the identity-shift benchmark and show its table; a partial result is not written to a file."""
    import time
    from dataclasses import asdict

    from elimctl.experiments import identity_shift, shift_scores

    started = time.perf_counter()
    for name, reason in benchmark.skipped.items():
        console.say(f"skipped {name}: {reason}")
    if not no_run:
        for action in identity_shift.prepare(place, benchmark):
            console.say(action)
        count, steps = identity_shift.train(place, benchmark, workers=workers)
        ended = (step for step in steps if step.state == "finished")
        for number, step in enumerate(ended, start=1):
            console.say(f"{number}/{count}  {step.job.name}  {time.perf_counter() - started:.0f} s")
    report = shift_scores.report(place, benchmark)
    values = {**asdict(report), "seconds": time.perf_counter() - started}
    where = ""
    if report.scores and not partial:
        where = f"; also in {shift_scores.write(place, benchmark, values)}"
    if as_json:
        console.show_json(values)
        return
    _show_synthetic(report)
    console.say(f"{report.machine}, {values['seconds']:.0f} s{where}")


def _show_synthetic(report: "Report") -> None:
    """The benchmark's two tables, and how to read them."""
    ccc, left = [], []
    for score in report.scores:
        key, invariance = (f"{score.shift:g}", score.method), score.invariance
        gain = _within(score.gain, sign="+") if score.gain else "-"
        ccc.append((*key, _within(score.ccc), gain))
        chances = (invariance.probe, invariance.probe_chance)
        shares = (invariance.neighbours, invariance.neighbours_chance)
        seconds = "-" if score.seconds is None else f"{score.seconds:.0f}"
        left.append((*key, *chances, *shares, seconds))
    seeds = max((score.seeds for score in report.scores), default=0)
    console.show_table(
        ("shift", "method", "CCC [95 %]", "over erm [95 %]"),
        ccc,
        title=f"CCC of test identities, {counted(seeds, 'seed')}",
    )
    console.show_table(
        ("shift", "method", "probe", "chance", "neighbours", "chance", "s/run"),
        left,
        title="Identity left in the features (lower is better)",
    )
    console.say(
        "95 %: bootstrap over seeds and test identities. probe: accuracy of a linear probe for the identity. "
        "neighbours: share of nearest neighbours with the same identity and another expression."
    )


def _within(value: "Interval", *, sign: str = "") -> str:
    return f"{value.estimate:{sign}.3f} [{value.low:.3f}, {value.high:.3f}]"
