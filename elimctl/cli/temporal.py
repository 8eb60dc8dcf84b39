"""`elimctl temporal`."""

from typing import TYPE_CHECKING, Annotated

from typer import Option

from elimctl.cli import console, evaluate, options

if TYPE_CHECKING:
    from elimctl.stages.temporal import Comparison


def temporal(
    split: Annotated[str, Option(help="Split to score: train, val, all, or one of the dataset's.")] = "val",
    run: options.Run = None,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    device: options.Device = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Train a temporal head on a run's features, and show what time adds to its scores."""
    from dataclasses import asdict

    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.config import validate
    from elimctl.evaluate.score import MetricOptions
    from elimctl.stages.temporal import temporal_run
    from elimctl.train.temporal import TemporalSettings

    values = recipes.read(recipe, sets=sets)
    found = temporal_run(
        workspaces.locate(workspace),
        name=run,
        split=split,
        settings=validate(TemporalSettings, values["temporal"], where="temporal"),
        options=validate(MetricOptions, values["eval"], where="eval"),
        device=device,
        track=lambda items, what, count: console.track(items, what, total=count),
    )
    if as_json:
        console.show_json(asdict(found) | {"head": str(found.head), "predictions": str(found.predictions)})
        return
    _show(found, title=f"{found.run} on {found.dataset}, {split}")
    console.say(
        "static: the run's own head; alone: the temporal head's network, which sees each frame by itself; "
        "by time: temporal - alone"
    )
    console.say(f"epoch {found.best_epoch} of {found.epochs} kept, {found.windows:,} windows")
    console.say(f"head in {found.head}, predictions in {found.predictions}")


def _show(found: "Comparison", *, title: str) -> None:
    """The table of all heads' scores."""
    ends = {(change.axis, change.metric): (change.low, change.high) for change in found.by_time}
    rows = []
    for axis, cells in found.temporal.cells.items():
        for metric, temporal in cells.items():
            static, alone = (scores.cells[axis][metric] for scores in (found.static, found.alone))
            interval = evaluate.ends(*ends.get((axis, metric), (None, None)))
            rows.append((axis, evaluate.label(metric), static, alone, temporal, temporal - alone, interval))
    columns = (
        f"{found.static.count:,} frames",
        "",
        "static",
        "alone",
        "temporal",
        "by time",
        "95 % interval",
    )
    console.show_table(columns, rows, title=title)
