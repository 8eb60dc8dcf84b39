"""The papers' tables beside what runs in this workspace found."""

from collections.abc import Iterable
from dataclasses import dataclass

from elimctl import recipe as recipes
from elimctl.config import Values
from elimctl.errors import ElimctlError, MissingError
from elimctl.experiments import jobs, runs
from elimctl.experiments.jobs import Job
from elimctl.experiments.protocol import Protocol
from elimctl.experiments.published import Number, numbers
from elimctl.loader.dataset import open_dataset
from elimctl.train.task import task_of
from elimctl.workspace import Workspace

FIGURE_6 = "ELIM Figure 6"
# What each table is called on the command line, and in `source` of published.csv.
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
FIGURES = {FIGURE_6: (("CCC", "mean"),)}  # whose values are not printed, and what they show
AXES = {"V": "valence", "A": "arousal", "mean": "mean"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe and the part of a table that it stands for.

    Args:
        name: of the recipe.
        tables: its values.
        protocol: how it is run.
    """

    name: str
    tables: Values
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class State:
    """What a recipe can do in a workspace.

    Args:
        recipe: the recipe.
        jobs: its runs; none where its dataset cannot be used.
        found: what each of these found, None where it is not finished.
        obstacle: why it cannot be run, or why runs do not count.
        missing: whether that is for its dataset is not prepared.
    """

    recipe: Recipe
    jobs: tuple[Job, ...] = ()
    found: tuple[Values | None, ...] = ()
    obstacle: str | None = None
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One number of a table: the paper's, and ours.

    Args:
        recipe: that stands for it.
        variant: of the recipe's sweep, empty without one.
        method: as the paper calls it.
        backbone: likewise.
        dataset: likewise.
        metric: name and axis.
        paper: the number as printed, None where none is.
        ours: mean over the seeds, None where no seed is finished.
        spread: standard deviation over the seeds, None for fewer than two.
        difference: ours less the paper's.
        seeds: seeds finished.
        of: seeds wanted.
        note: what to know about the paper's number.
    """

    recipe: str
    variant: str
    method: str
    backbone: str
    dataset: str
    metric: str
    paper: str | None
    ours: float | None
    spread: float | None
    difference: float | None
    seeds: int
    of: int
    note: str


def recipes_of(table: str) -> list[Recipe]:
    """The packaged recipes that stand for rows of a table."""
    found = []
    for name in recipes.names():
        tables = recipes.read(name)
        protocol = jobs.protocol(tables)
        if any(claim.source == TABLES[table] for claim in protocol.rows):
            found.append(Recipe(name, tables, protocol))
    return found


def state(workspace: Workspace, recipe: Recipe, *, labels: bool = True) -> State:
    """What the runs of a recipe found so far, and what stands in the way of the others.

    Args:
        workspace: where the runs are.
        recipe: the recipe.
        labels: whether to look in the dataset for what the method learns from, which takes a moment.
    """
    try:
        config = recipes.run_config(recipe.tables)
        dataset = jobs.find_dataset(workspace, recipe.tables)
        planned = jobs.plan(recipe.name, recipe.tables, dataset)
        if labels:
            task_of(config, open_dataset(dataset))
        found = tuple(runs.result(workspace, job) for job in planned)
    except ElimctlError as error:
        return State(recipe, obstacle=error.message, missing=isinstance(error, MissingError))
    return State(recipe, tuple(planned), found)


def lines(table: str, states: Iterable[State]) -> list[Line]:
    """A table, number by number, of the rows that recipes stand for."""
    return [line for entry in states for line in _lines(table, entry)]


def others(table: str) -> list[str]:
    """Methods in a table that no recipe stands for."""
    claimed = {
        number for recipe in recipes_of(table) for claim in recipe.protocol.rows for number in claim.numbers()
    }
    rest = [number for number in numbers() if number.source == TABLES[table] and number not in claimed]
    return list(dict.fromkeys(f"{number.method} {number.backbone}".strip() for number in rest))


def missing(states: Iterable[State]) -> dict[str, str]:
    """Datasets that recipes want and that are not prepared, each with what was found in their place."""
    return {
        jobs.dataset_name(entry.recipe.tables) or "": entry.obstacle
        for entry in states
        if entry.missing and entry.obstacle is not None
    }


def obstacles(states: Iterable[State]) -> dict[str, str]:
    """Recipes that cannot be run though their dataset is there, and why."""
    return {
        entry.recipe.name: entry.obstacle
        for entry in states
        if entry.obstacle is not None and not entry.missing
    }


def _lines(table: str, entry: State) -> list[Line]:
    """The lines that a recipe stands for."""
    protocol, source = entry.recipe.protocol, TABLES[table]
    made = []
    for claim in protocol.rows:
        if claim.source != source:
            continue
        for label, _ in protocol.variants():
            of_variant = [
                (job, found)
                for job, found in zip(entry.jobs, entry.found, strict=True)
                if job.variant == label
            ]
            wanted = claim.numbers() or [_unprinted(source, metric, axis) for metric, axis in FIGURES[source]]
            made += [_line(entry.recipe, label, number, of_variant) for number in wanted]
    return made


def _line(recipe: Recipe, variant: str, number: Number, found: list[tuple[Job, Values | None]]) -> Line:
    ours = runs.summarise(found, lambda scores: score(scores, number.metric, number.axis))
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


def score(scores: Values, metric: str, axis: str) -> float | None:
    """A published table's metric in the scores of a run, None where these have none such."""
    if metric == "accuracy_percent":
        return 100 * scores["accuracy"] if "accuracy" in scores else None
    on_axis = scores.get(AXES.get(axis, ""), {})
    return on_axis.get(metric.lower())


def _unprinted(source: str, metric: str, axis: str) -> Number:
    """A number that a figure shows and nobody printed."""
    return Number("ELIM", "AL-tuned", "", "AFEW-VA", "", "", metric, axis, "", source, "")
