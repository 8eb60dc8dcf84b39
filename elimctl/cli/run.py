"""`elimctl run`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from elimctl.cli import console, options

if TYPE_CHECKING:
    from elimctl.config import Values
    from elimctl.experiments.jobs import Job
    from elimctl.workspace import Workspace


def run(
    recipe: Annotated[str, Argument(help="Recipe: a TOML file, or the name of one that comes with elimctl.")],
    raw: Annotated[
        Path | None, Argument(help="Raw dataset, where it is not prepared yet: a folder or an archive.")
    ] = None,
    data: options.Data = None,
    sets: options.Sets = None,
    device: options.Device = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Run a recipe to its end: prepare, train and score, for all its seeds and folds.

    What was stopped goes on when the same command is given again; what is finished is not done again.
    """
    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.experiments import jobs

    place = workspaces.locate(workspace)
    tables = recipes.read(recipe, {"data": {"name": data}, "train": {"device": device}}, sets=sets)
    if raw is not None:
        prepare_raw(raw, tables, place)
    planned = jobs.plan(recipe, tables, jobs.find_dataset(place, tables))
    found = [(job, finish(place, job)) for job in planned]
    summaries = summarise(found)
    if as_json:
        runs = [{"run": job.name, **record} for job, record in found]
        console.show_json({"recipe": recipe, "summary": summaries, "runs": runs})
        return
    rows = [
        (entry["variant"] or "-", entry["metric"], entry["mean"], entry["spread"], entry["seeds"])
        for entry in summaries
    ]
    console.show_table(("variant", "metric", "mean", "spread", "seeds"), rows, title=recipe)
    if note := jobs.protocol(tables).note:
        console.say(note)
    console.say(
        "spread: standard deviation over the seeds"
        + ("; a seed is the mean of its folds" * _crossed(planned))
    )


def prepare_raw(raw: Path, tables: "Values", place: "Workspace") -> None:
    """Prepare the dataset of a recipe from a raw folder, unless it is prepared from it already."""
    from elimctl.cli import prepare
    from elimctl.errors import ConfigError
    from elimctl.experiments import jobs

    dataset = jobs.protocol(tables).dataset
    if dataset is None:
        raise ConfigError(
            "the recipe does not say which dataset a raw folder holds",
            hint="add --set run.dataset=afew-va, or the like",
        )
    name = jobs.dataset_name(tables) or dataset
    found = prepare.run(dataset, raw, tables, place, name=name)
    assert found is not None, "only a single job has no summary"
    prepare.show_summary(found, title=name)


def finish(place: "Workspace", job: "Job") -> "Values":
    """Bring one run to its end, and show how it goes."""
    from elimctl.cli import train
    from elimctl.experiments import runs

    before = runs.result(place, job)
    if before is not None:
        console.say(f"run {job.name} is finished already")
        return before
    return runs.complete(place, job, train.follow)


def summarise(found: "list[tuple[Job, Values]]") -> "list[Values]":
    """Mean and spread of every metric, for each variant of the recipe."""
    from elimctl.experiments import runs

    summaries = []
    for variant in dict.fromkeys(job.variant for job, _ in found):
        own = [(job, record) for job, record in found if job.variant == variant]
        for name in _names(own[0][1]["scores"]):
            summary = runs.summarise(own, partial(_value, name))
            if summary is not None:
                summaries.append(
                    {
                        "variant": variant,
                        "metric": name,
                        "mean": summary.mean,
                        "spread": summary.spread,
                        "seeds": summary.seeds,
                    }
                )
    return summaries


def _names(scores: "Values") -> list[str]:
    """Dotted names of the scores: `valence.ccc`, or `accuracy`."""
    from elimctl.metrics.table import AXES, METRICS

    names = [f"{axis}.{metric}" for axis in AXES for metric in METRICS if metric in scores.get(axis, {})]
    return names or [name for name, value in scores.items() if isinstance(value, float)]


def _value(name: str, scores: "Values") -> float | None:
    axis, _, metric = name.rpartition(".")
    value = scores[axis][metric] if axis else scores[metric]
    return None if value is None else float(value)


def _crossed(planned: "list[Job]") -> bool:
    return len({job.fold for job in planned}) > 1
