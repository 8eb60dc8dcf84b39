"""The papers' tables next to the results of this workspace."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from elimctl import recipe as recipes
from elimctl.config import Values, merge
from elimctl.errors import ElimctlError, MissingError
from elimctl.experiments import jobs, runs
from elimctl.experiments.driver import Driver, Step, drive
from elimctl.experiments.jobs import Job
from elimctl.experiments.protocol import Protocol
from elimctl.experiments.published import Number, numbers
from elimctl.loader.dataset import open_dataset
from elimctl.train.task import task_of
from elimctl.workspace import Workspace

FIGURE_6 = "ELIM Figure 6"
# Name of each table on the command line, and in column `source` of published.csv.
TABLES = {
    "elim-1": "ELIM Table 1",
    "elim-2": "ELIM Table 2",
    "elim-3": "ELIM Table 3",
    "elim-4": "ELIM Table 4",
    "elim-a1": "ELIM appendix Table 1",
    "elim-a2": "ELIM appendix Table 2",
    "elim-fig6": FIGURE_6,
    "dmue-1": "DMUE supplement Table 1",
    "dmue-2": "DMUE supplement Table 2",
}
FIGURES = {FIGURE_6: (("CCC", "mean"),)}  # figures without printed values, and their metrics
AXES = {"V": "valence", "A": "arousal", "mean": "mean"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe for rows of a table."""

    name: str  # of the recipe
    tables: Values  # its values
    protocol: Protocol  # its table `[run]`


@dataclass(frozen=True, slots=True)
class State:
    """State of a recipe in a workspace."""

    recipe: Recipe  # the recipe
    jobs: tuple[Job, ...] = ()  # its runs; none if its dataset cannot be used
    results: tuple[Values | None, ...] = ()  # `result.json` of each run; None if it is not finished
    obstacle: str | None = None  # why the recipe cannot be run, or why its runs do not count
    missing: bool = False  # whether the obstacle is that its dataset is not prepared


@dataclass(frozen=True, slots=True)
class Line:
    """One number of a table: the paper's, and ours."""

    recipe: str  # name of the recipe
    variant: str  # label in the recipe's sweep, empty without one
    method: str  # the paper's name for it
    backbone: str  # the paper's name for it
    dataset: str  # the paper's name for it
    metric: str  # name and axis
    paper: str | None  # the number as printed; None if there is none
    ours: float | None  # mean over the seeds; None if no seed is finished
    spread: float | None  # standard deviation over the seeds; None for fewer than two
    difference: float | None  # ours minus the paper's
    seeds: int  # finished seeds
    of: int  # seeds of the recipe
    note: str  # note on the paper's number


@dataclass(frozen=True, slots=True)
class Comparison:
    """A table of a paper next to our results."""

    table: str  # key of `TABLES`
    source: str  # the paper's name of the table
    lines: list[Line]  # number by number
    missing: dict[str, str]  # datasets that are not prepared, each with what was found instead
    obstacles: dict[str, str]  # recipes that cannot be run although their dataset is prepared, and why
    not_implemented: list[str]  # methods of the table without a recipe
    notes: list[str]  # how recipes and numbers differ from the paper


def overview(workspace: Workspace) -> list[Values]:
    """Each table with its recipes, their datasets, and those that are not prepared."""
    entries = []
    for name, source in TABLES.items():
        states = [state(workspace, recipe, labels=False) for recipe in recipes_of(name)]
        entries.append(
            {
                "table": name,
                "source": source,
                "recipes": [entry.recipe.name for entry in states],
                "datasets": sorted({jobs.dataset_name(entry.recipe.tables) or "" for entry in states}),
                "missing": _missing(states),
            }
        )
    return entries


def recipes_of(table: str) -> list[Recipe]:
    """The packaged recipes for rows of a table."""
    wanted = []
    for name in recipes.names():
        tables = recipes.read(name)
        protocol = jobs.protocol(tables)
        if any(claim.source == TABLES[table] for claim in protocol.rows):
            wanted.append(Recipe(name, tables, protocol))
    return wanted


def state(workspace: Workspace, recipe: Recipe, *, labels: bool = True) -> State:
    """Results of a recipe so far, and what keeps it from being run; `labels`: also check the labels."""
    try:
        config = recipes.run_config(recipe.tables)
        dataset = jobs.find_dataset(workspace, recipe.tables)
        planned = jobs.plan(recipe.name, recipe.tables, dataset)
        if labels:
            task_of(config, open_dataset(dataset))
        results = tuple(runs.result(workspace, job) for job in planned)
    except ElimctlError as error:
        return State(recipe, obstacle=error.message, missing=isinstance(error, MissingError))
    return State(recipe, tuple(planned), results)


def train(
    workspace: Workspace, states: Iterable[State], driver: Driver, *, device: str | None
) -> Iterator[tuple[Recipe, Step | str]]:
    """Run recipes, on a device if one is named; a recipe that fails does not stop the others.

    Yields:
        A step of a recipe's runs, or the message of the error that ended the recipe.
    """
    for entry in states:
        on = {"train": {"device": device}}
        planned = [replace(job, tables=merge(job.tables, on)) for job in entry.jobs]
        try:
            for step in drive(workspace, planned, driver):
                yield entry.recipe, step
        except ElimctlError as error:
            yield entry.recipe, error.message


def compare(table: str, states: list[State], failed: dict[str, str]) -> Comparison:
    """A table (key of `TABLES`) next to our results; `failed` recipes with their reasons."""
    table_lines = [line for entry in states for line in _lines(table, entry)]
    obstacles = {
        entry.recipe.name: entry.obstacle
        for entry in states
        if entry.obstacle is not None and not entry.missing
    }
    notes = [entry.recipe.protocol.note for entry in states] + [line.note for line in table_lines]
    return Comparison(
        table,
        TABLES[table],
        table_lines,
        _missing(states),
        obstacles | failed,
        _others(table),
        list(dict.fromkeys(note for note in notes if note)),
    )


def _others(table: str) -> list[str]:
    """Methods of a table without a recipe."""
    claimed = {
        number for recipe in recipes_of(table) for claim in recipe.protocol.rows for number in claim.numbers()
    }
    rest = [number for number in numbers() if number.source == TABLES[table] and number not in claimed]
    return list(dict.fromkeys(f"{number.method} {number.backbone}".strip() for number in rest))


def _missing(states: Iterable[State]) -> dict[str, str]:
    """Datasets that are not prepared, each with what was found instead."""
    return {
        jobs.dataset_name(entry.recipe.tables) or "": entry.obstacle
        for entry in states
        if entry.missing and entry.obstacle is not None
    }


def _lines(table: str, entry: State) -> list[Line]:
    """The lines of a recipe."""
    protocol, source = entry.recipe.protocol, TABLES[table]
    lines = []
    for claim in protocol.rows:
        if claim.source != source:
            continue
        for label, _ in protocol.variants():
            of_variant = [
                (job, result)
                for job, result in zip(entry.jobs, entry.results, strict=True)
                if job.variant == label
            ]
            wanted = claim.numbers() or [_unprinted(source, metric, axis) for metric, axis in FIGURES[source]]
            lines += [_line(entry.recipe, label, number, of_variant) for number in wanted]
    return lines


def _line(recipe: Recipe, variant: str, number: Number, results: list[tuple[Job, Values | None]]) -> Line:
    ours = runs.summarise(results, lambda scores: _score(scores, number.metric, number.axis))
    return Line(
        recipe=recipe.name,
        variant=variant,
        method=number.method,
        backbone=number.backbone,
        dataset=number.dataset,
        metric=f"{number.metric} {number.axis}".strip(),
        paper=number.value or None,
        ours=ours.mean if ours else None,
        spread=ours.spread if ours else None,
        difference=ours.mean - float(number.value) if ours and number.value else None,
        seeds=ours.seeds if ours else 0,
        of=recipe.protocol.seeds,
        note=number.note,
    )


def _score(scores: Values, metric: str, axis: str) -> float | None:
    """A published metric in the scores of a run; None if the run has no such score."""
    if metric == "accuracy_percent":
        return 100 * scores["accuracy"] if "accuracy" in scores else None
    on_axis = scores.get(AXES.get(axis, ""), {})
    return on_axis.get(metric.lower())


def _unprinted(source: str, metric: str, axis: str) -> Number:
    """A number that a figure shows but the paper does not print."""
    return Number("ELIM", "AL-tuned", "", "AFEW-VA", "", "", metric, axis, "", source, "")
