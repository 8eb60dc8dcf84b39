"""`elimctl features`."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Option, Typer

from elimctl.cli import console, evaluate, options

COLUMNS = ("key", "model", "rows", "width", "MB", "current")

app = Typer(help="Compute and list cached features of a model.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def extract(
    model: Annotated[
        str, Option(metavar="RUN|arcface", help="Run (its features z), or arcface (insightface's model).")
    ],
    data: options.Data = None,
    models: Annotated[
        Path | None, Option(help="Folder of insightface models [default: its cache].", file_okay=False)
    ] = None,
    batch_size: Annotated[int | None, Option(min=1, help="Images in a batch [default: 64].")] = None,
    device: Annotated[Literal["auto", "cpu", "cuda"], Option(help="Where the model runs.")] = "auto",
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Compute the features of a dataset, unless they are cached."""
    from dataclasses import asdict

    from elimctl import workspace as workspaces
    from elimctl.commands import features as stage
    from elimctl.faces.embed import ARCFACE

    place = workspaces.locate(workspace)
    folder = place.dataset(data)
    if model == ARCFACE.name:
        loader = stage.face_model(folder, ARCFACE, models=models, device=device)
    else:
        loader = stage.run_model(place.run(model), device=device)
    extraction = stage.extract(
        folder,
        loader,
        batch_size=batch_size or stage.BATCH,
        reserve=True,
        track=lambda batches, count: console.track(batches, "features", total=count),
    )
    if as_json:
        console.show_json(asdict(extraction) | {"path": str(extraction.path)})
        return
    state = "computed" if extraction.computed else "already cached"
    rows = [(extraction.key, extraction.model, extraction.kept, extraction.width, state)]
    console.show_table(("key", "model", "images", "width", "state"), rows, title=folder.name)
    if extraction.crop_differences:
        console.say(evaluate.differing_crops(extraction.crop_differences))
    console.say(f"features in {extraction.path}")


@app.command("list")
def list_features(
    data: options.Data = None, as_json: options.Json = False, workspace: options.Workspace = None
) -> None:
    """List the cached features of a dataset."""
    from elimctl import workspace as workspaces
    from elimctl.commands import features as stage

    folder = workspaces.locate(workspace).dataset(data)
    entries = stage.listing(folder)
    if as_json:
        console.show_json(entries)
    else:
        console.show_table(COLUMNS, [tuple(entry.values()) for entry in entries], title=folder.name)
