"""`elimctl run`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from elimctl.cli import console, options

if TYPE_CHECKING:
    from elimctl.config import Values
    from elimctl.workspace import Workspace


def run(
    recipe: Annotated[str, Argument(help="Recipe: a TOML file or the name of a packaged recipe.")],
    raw: Annotated[
        Path | None, Argument(help="Raw dataset to prepare first: a folder or an archive.")
    ] = None,
    data: options.Data = None,
    sets: options.Sets = None,
    device: options.Device = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Prepare, train and score all runs of a recipe.

    A recipe has one run per seed and fold. Re-run the same command to resume; finished runs are kept.
    """
    given = options.given("train", locals())
    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.cli import train
    from elimctl.config import nested
    from elimctl.experiments import driver, jobs, runs

    place = workspaces.locate(workspace)
    tables = recipes.read(recipe, nested(given), sets=sets)
    if raw is not None:
        _prepare_raw(raw, tables, place)
    planned = jobs.plan(recipe, tables, jobs.find_dataset(place, tables))
    for step in driver.drive(place, planned, driver.Driver(follow=train.follow)):
        if step.state == "known":
            console.say(f"run {step.job.name} is already finished")
    results = [(job, runs.result(place, job) or {}) for job in planned]
    summaries = runs.summaries(results)
    if as_json:
        records = [{"run": job.name, **record} for job, record in results]
        console.show_json({"recipe": recipe, "summary": summaries, "runs": records})
        return
    rows = [
        (entry["variant"] or "-", entry["metric"], entry["mean"], entry["spread"], entry["seeds"])
        for entry in summaries
    ]
    console.show_table(("variant", "metric", "mean", "spread", "seeds"), rows, title=recipe)
    if note := jobs.protocol(tables).note:
        console.say(note)
    folds = len({job.fold for job in planned})
    console.say(
        "spread: standard deviation over the seeds"
        + ("; the score of a seed is the mean over its folds" if folds > 1 else "")
    )


def _prepare_raw(raw: Path, tables: "Values", place: "Workspace") -> None:
    """Prepare the dataset of a recipe from a raw folder."""
    from elimctl.cli import prepare
    from elimctl.errors import ConfigError
    from elimctl.experiments import jobs

    dataset = jobs.protocol(tables).dataset
    if dataset is None:
        raise ConfigError(
            f"the recipe does not name the dataset in {raw}", hint="add for example --set run.dataset=afew-va"
        )
    name = jobs.dataset_name(tables) or dataset
    summary = prepare.run(dataset, raw, tables, place, name=name)
    assert summary is not None, "only a single job has no summary"
    prepare.show_summary(summary, title=name)
