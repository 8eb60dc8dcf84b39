"""`elimctl features`."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Option, Typer

from elimctl.cli import console, evaluate, options

COLUMNS = ("key", "model", "rows", "width", "MB", "current")

app = Typer(
    help="Features of a model, cached beside the images.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def extract(
    model: Annotated[
        str, Option(metavar="RUN|arcface", help="A run (its features z), or arcface (insightface's model).")
    ],
    data: options.Data = None,
    models: Annotated[
        Path | None, Option(help="Folder of insightface models [default: its cache].", file_okay=False)
    ] = None,
    batch_size: Annotated[
        int | None, Option(min=1, help="Images the model sees at once [default: 64].")
    ] = None,
    device: Annotated[Literal["auto", "cpu", "cuda"], Option(help="Where the model runs.")] = "auto",
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Compute the features of a dataset; what is cached already is not computed again."""
    from dataclasses import asdict

    from elimctl import workspace as workspaces
    from elimctl.commands import features as stage

    place = workspaces.locate(workspace)
    folder = place.dataset(data)
    if model == stage.ARCFACE:
        chosen = stage.arcface(folder, models=models, device=device)
    else:
        chosen = stage.run_model(place.run(model), device=device)
    found = stage.extract(
        folder,
        chosen,
        batch_size=batch_size or stage.BATCH,
        reserve=True,
        track=lambda batches, count: console.track(batches, "features", total=count),
    )
    if as_json:
        console.show_json(asdict(found) | {"path": str(found.path)})
        return
    state = "computed" if found.computed else "cached already"
    rows = [(found.key, found.model, found.kept, found.width, state)]
    console.show_table(("key", "model", "images", "width", "state"), rows, title=folder.name)
    if found.crop_differences:
        console.say(evaluate.differing_crops(found.crop_differences))
    console.say(f"features in {found.path}")


@app.command("list")
def list_features(
    data: options.Data = None, as_json: options.Json = False, workspace: options.Workspace = None
) -> None:
    """List the cached features of a dataset."""
    from elimctl import workspace as workspaces
    from elimctl.commands import features as stage

    folder = workspaces.locate(workspace).dataset(data)
    found = stage.listing(folder)
    if as_json:
        console.show_json(found)
    else:
        console.show_table(COLUMNS, [tuple(entry.values()) for entry in found], title=folder.name)
