"""`elimctl export`."""

from typing import TYPE_CHECKING, Annotated

from typer import Argument

from elimctl.cli import console, options

if TYPE_CHECKING:
    from elimctl.commands.export import Export


def export(
    exporter: Annotated[str, Argument(metavar="FORMAT", help="Format of the file: {export}.")],
    run: options.Run = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Export a run's model, checked against the run."""
    from dataclasses import asdict

    from elimctl import workspace as workspaces
    from elimctl.commands.export import export_run

    found = export_run(workspaces.locate(workspace), exporter, name=run)
    if as_json:
        console.show_json(asdict(found) | {"path": str(found.path)})
    else:
        show_export(found)


def show_export(found: "Export") -> None:
    """What was exported, and how it compares."""
    rows = [
        ("size", f"{found.size_mb:.1f} MB"),
        ("largest difference of a prediction", f"{found.preds_difference:.1e}"),
        ("largest difference of a metric on val", f"{found.metric_difference:.1e}"),
        *(
            (f"{name.replace('_', ' ')} on val", f"{value:.3f}")
            for name, value in found.scores.logged.items()
        ),
    ]
    console.show_table(("export", found.run), rows)
    console.say(f"model in {found.path}")
