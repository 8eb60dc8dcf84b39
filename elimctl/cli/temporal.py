"""`elimctl temporal`."""

from typing import TYPE_CHECKING, Annotated

from typer import Option

from elimctl.cli import console, evaluate, options, tables
from elimctl.text import counted

if TYPE_CHECKING:
    from elimctl.commands.temporal import Comparison


def temporal(
    split: Annotated[str, Option(help="Split to score: train, val, all, or a split of the dataset.")] = "val",
    run: options.Run = None,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    resamples: evaluate.Resamples = None,
    seed: evaluate.Seed = 0,
    device: options.Device = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Train and score a temporal head on a run's features."""
    from dataclasses import asdict

    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.commands.execution import Scoring
    from elimctl.commands.temporal import temporal_run
    from elimctl.config import validate
    from elimctl.metrics.score import MetricOptions
    from elimctl.train.temporal import TemporalSettings

    values = recipes.read(recipe, sets=sets)
    forms = validate(MetricOptions, values["eval"], where="eval")
    found = temporal_run(
        workspaces.locate(workspace),
        run,
        split=split,
        settings=validate(TemporalSettings, values["temporal"], where="temporal"),
        scoring=Scoring(forms, evaluate.resampling(resamples, seed)),
        execution=options.execution(device),
    )
    if as_json:
        console.show_json(asdict(found) | {"head": str(found.head), "predictions": str(found.predictions)})
        return
    _show(found, title=f"{found.run} on {found.dataset}, {split}: {counted(found.static.count, 'frame')}")
    console.say(
        "static: the run's own head; alone: the same network on single frames; by time: temporal - alone"
        + ("" if forms == MetricOptions() else ", with the usual forms of all metrics")
    )
    if found.by_time.no_interval:
        console.say(found.by_time.no_interval)
    console.say(f"epoch {found.best_epoch} of {found.epochs} kept, {counted(found.windows, 'window')}")
    console.say(f"head in {found.head}, predictions in {found.predictions}")


def _show(found: "Comparison", *, title: str) -> None:
    """The table of all heads' scores."""
    from elimctl.metrics.table import TITLES

    heads = (found.static, found.alone, found.temporal)
    rows = []
    for change in found.by_time.changes:
        metric, axis = change.metric, change.axis or ""
        scores = [head.cells[axis][metric] for head in heads]
        difference = None if change.undefined else change.difference
        interval = tables.ends(change.low, change.high)
        rows.append((TITLES[metric], axis, *scores, difference, interval))
    columns = ("", "", "static", "alone", "temporal", "by time", "95 % interval")
    console.show_table(columns, rows, title=title)
