"""`elimctl reproduce`."""

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from elimctl.cli import console, options
from elimctl.errors import ConfigError, DataError, ElimctlError

if TYPE_CHECKING:
    from elimctl.experiments.identity_shift import Report
    from elimctl.experiments.paper_tables import Line
    from elimctl.metrics.intervals import Interval
    from elimctl.workspace import Workspace

SYNTHETIC = "synthetic"


def reproduce(
    table: Annotated[
        str | None,
        Argument(help="elim-1 to elim-4, elim-a1, elim-a2, elim-fig6, dmue-1, dmue-2, or synthetic."),
    ] = None,
    no_run: Annotated[bool, Option("--no-run", help="Train nothing; show what is there.")] = False,
    quick: Annotated[
        bool, Option("--quick", help="synthetic only: one seed, two shifts, fewer steps.")
    ] = False,
    method: Annotated[list[str] | None, Option(help="synthetic only: do these alone; repeatable.")] = None,
    shift: Annotated[
        list[float] | None,
        Option(min=0, max=1, help="synthetic only: these identity shifts alone; repeatable."),
    ] = None,
    workers: Annotated[
        int | None,
        Option(min=1, help="synthetic only: runs side by side [default: one per core; 1 on a GPU]."),
    ] = None,
    device: options.Device = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Set a table of the papers beside what the prepared data give; without a table, list them.

    synthetic is a benchmark on synthetic faces with three amounts of identity shift. Re-run the same command
    to resume.
    """
    from elimctl import workspace as workspaces

    place = workspaces.locate(workspace)
    if table == SYNTHETIC:
        _synthetic(
            place,
            quick=quick,
            methods=method,
            shifts=shift,
            no_run=no_run,
            workers=workers,
            device=device,
            as_json=as_json,
        )
        return
    if quick or method or shift or workers:
        raise ConfigError("--quick, --method, --shift and --workers are for synthetic", hint="leave them out")
    if table is None:
        _list(place, as_json=as_json)
    else:
        _table(place, table, no_run=no_run, device=device, as_json=as_json)


def _list(place: "Workspace", *, as_json: bool) -> None:
    """List the tables, their recipes, and the datasets that are missing."""
    from elimctl.experiments import jobs, paper_tables

    found = []
    for name, source in paper_tables.TABLES.items():
        states = [paper_tables.state(place, recipe, labels=False) for recipe in paper_tables.recipes_of(name)]
        wanted = sorted({jobs.dataset_name(entry.recipe.tables) or "" for entry in states})
        found.append(
            {
                "table": name,
                "source": source,
                "recipes": [entry.recipe.name for entry in states],
                "datasets": wanted,
                "missing": paper_tables.missing(states),
            }
        )
    if as_json:
        console.show_json(found)
        return
    rows: list[tuple[object, ...]] = [
        (
            entry["table"],
            entry["source"],
            len(entry["recipes"]),
            ", ".join(entry["datasets"]),
            ", ".join(entry["missing"]) or "-",
        )
        for entry in found
    ]
    rows.append((SYNTHETIC, "identity-shift benchmark", None, "synthetic", "-"))
    console.show_table(("table", "of", "recipes", "datasets", "missing"), rows)


def _table(place: "Workspace", table: str, *, no_run: bool, device: str | None, as_json: bool) -> None:
    """Run what the prepared data allow, and set it beside the paper's numbers."""
    from dataclasses import asdict, replace

    from elimctl.cli import run
    from elimctl.config import merge
    from elimctl.experiments import paper_tables

    if table not in paper_tables.TABLES:
        raise ConfigError(
            f"no table {table!r}; there are: {', '.join([*paper_tables.TABLES, SYNTHETIC])}",
            hint="choose one of these",
        )
    states = [paper_tables.state(place, recipe) for recipe in paper_tables.recipes_of(table)]
    failed: dict[str, str] = {}
    if not no_run:
        for entry in states:
            try:
                for job in entry.jobs:
                    run.finish(place, replace(job, tables=merge(job.tables, {"train": {"device": device}})))
            except ElimctlError as error:  # the other recipes may do
                failed[entry.recipe.name] = error.message
                console.say(f"{entry.recipe.name} failed: {error.message}")
        states = [paper_tables.state(place, entry.recipe) for entry in states]
    found, absent, others = (
        paper_tables.lines(table, states),
        paper_tables.missing(states),
        paper_tables.others(table),
    )
    obstacles = paper_tables.obstacles(states) | failed
    notes = dict.fromkeys(entry.recipe.protocol.note for entry in states if entry.recipe.protocol.note)
    notes |= dict.fromkeys(line.note for line in found if line.note)
    if as_json:
        console.show_json(
            {
                "table": table,
                "source": paper_tables.TABLES[table],
                "lines": [asdict(line) for line in found],
                "missing": absent,
                "obstacles": obstacles,
                "not_implemented": others,
                "notes": list(notes),
            }
        )
    else:
        _show(found, title=paper_tables.TABLES[table])
        for note in notes:
            console.say(note)
        if others:
            console.say(f"not implemented here: {', '.join(others)}")
        for name, reason in absent.items():
            console.say(f"missing {name}: {reason}")
        for name, reason in obstacles.items():
            console.say(f"not run {name}: {reason}")
    if failed:
        raise DataError(
            f"{len(failed)} of {len(states)} recipes failed: {', '.join(failed)}",
            hint="mend what is said of each, then run the same command again; what is finished is kept",
        )


def _show(found: "list[Line]", *, title: str) -> None:
    """The table of a paper's numbers and ours."""
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
        for line in found
    ]
    columns = ("recipe", "metric", "paper", "ours", "spread", "difference", "seeds")
    console.show_table(columns, rows, title=title)


def _synthetic(
    place: "Workspace",
    *,
    quick: bool,
    methods: list[str] | None,
    shifts: list[float] | None,
    no_run: bool,
    workers: int | None,
    device: str | None,
    as_json: bool,
) -> None:
    """Run the identity-shift benchmark and show its table."""
    import json
    import time
    from dataclasses import asdict

    from elimctl import atomic
    from elimctl import recipe as recipes
    from elimctl.experiments import identity_shift, jobs
    from elimctl.experiments.parallel import complete_all

    started = time.perf_counter()
    recipe = "synthetic-quick" if quick else SYNTHETIC
    paper_tables = recipes.read(recipe, {"train": {"device": device}})
    ready, skipped = identity_shift.available(paper_tables, methods)
    for name, reason in skipped.items():
        console.say(f"skipped {name}: {reason}")
    seeds = jobs.protocol(paper_tables).seeds
    planned: dict[float, dict[str, list[jobs.Job]]] = {}
    for shift in shifts or (identity_shift.QUICK_SHIFTS if quick else identity_shift.SHIFTS):
        data = f"{recipe}-shift{shift:g}"
        planned[shift] = {
            method: identity_shift.jobs(data, recipe, shift, method, values, seeds)
            for method, values in ready.items()
        }
        if not no_run:
            for step in identity_shift.prepare(place, data, paper_tables, shift):
                console.say(step)
    if not no_run:
        # seed by seed, so that what is stopped early has every method
        everything = [job for methods in planned.values() for found in methods.values() for job in found]
        everything.sort(key=lambda job: job.seed)
        left = [job for job in everything if not identity_shift.is_done(place, job)]
        done = complete_all(identity_shift.complete, place, left, workers=workers or _workers(device))
        for number, job in enumerate(done, start=1):
            console.say(f"{number}/{len(left)}  {job.name}  {time.perf_counter() - started:.0f} s")
    found = identity_shift.report(place, planned, paper_tables, skipped)
    values = {**asdict(found), "seconds": time.perf_counter() - started}
    file = place.runs / f"{recipe}.json"
    written = bool(found.scores) and not (no_run or methods or shifts)  # of a part: shown, not kept
    if written:
        atomic.write_text(file, json.dumps(values, indent=2) + "\n")
    if as_json:
        console.show_json(values)
        return
    _show_synthetic(found)
    console.say(f"{found.machine}, {values['seconds']:.0f} s" + (f"; also in {file}" if written else ""))


def _workers(device: str | None) -> int:
    """Number of runs side by side: one per core, or one on a GPU."""
    from elimctl.prepare.executors import cores
    from elimctl.train import hardware

    return cores() if hardware.device(device or "auto").type == "cpu" else 1


def _show_synthetic(found: "Report") -> None:
    """The benchmark's two tables, and how to read them."""
    ccc, left = [], []
    for score in found.scores:
        key, invariance = (f"{score.shift:g}", score.method), score.invariance
        gain = _within(score.gain, sign="+") if score.gain else "-"
        ccc.append((*key, _within(score.ccc), gain))
        chances = (invariance.probe, invariance.probe_chance)
        shares = (invariance.neighbours, invariance.neighbours_chance)
        seconds = "-" if score.seconds is None else f"{score.seconds:.0f}"
        left.append((*key, *chances, *shares, seconds))
    seeds = max((score.seeds for score in found.scores), default=0)
    console.show_table(
        ("shift", "method", "CCC [95 %]", "over erm [95 %]"),
        ccc,
        title=f"CCC of identities never seen in training, seeds: {seeds}",
    )
    console.show_table(
        ("shift", "method", "probe", "chance", "neighbours", "chance", "s/run"),
        left,
        title="Identity left in the features, lower is better",
    )
    console.say(
        "95 %: bootstrap over seeds and test identities. probe: accuracy of a linear probe for the identity. "
        "neighbours: share with the same identity and another expression."
    )


def _within(found: "Interval", *, sign: str = "") -> str:
    return f"{found.estimate:{sign}.3f} [{found.low:.3f}, {found.high:.3f}]"
