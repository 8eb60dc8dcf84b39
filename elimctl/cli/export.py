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
    """Export the model of a run and check it against the run."""
    from dataclasses import asdict

    from elimctl import workspace as workspaces
    from elimctl.commands.export import export_run

    exported = export_run(workspaces.locate(workspace), exporter, name=run)
    if as_json:
        console.show_json(asdict(exported) | {"path": str(exported.path)})
    else:
        show_export(exported)


def show_export(exported: "Export") -> None:
    """Show an exported model and its differences from the run."""
    rows = [
        ("size", f"{exported.size_mb:.1f} MB"),
        ("largest difference of a prediction", f"{exported.preds_difference:.1e}"),
        ("largest difference of a metric on val", f"{exported.metric_difference:.1e}"),
        *(
            (f"{name.replace('_', ' ')} on val", f"{value:.3f}")
            for name, value in exported.scores.logged.items()
        ),
    ]
    console.show_table(("export", exported.run), rows)
    console.say(f"model in {exported.path}")
