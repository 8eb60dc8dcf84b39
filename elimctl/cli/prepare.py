"""`elimctl prepare`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Exit, Option

from elimctl.cli import console, options

if TYPE_CHECKING:
    from elimctl.config import Values
    from elimctl.prepare.build import Summary
    from elimctl.workspace import Workspace


def prepare(
    dataset: Annotated[str, Argument(help="Dataset: afew-va.")],
    raw: Annotated[Path, Argument(help="Folder that holds the dataset as shipped.")],
    name: Annotated[str | None, Option(help="Name of the prepared dataset [default: DATASET].")] = None,
    identity: Annotated[
        str | None, Option(help="What an identity is, for afew-va clip or actor [default: clip].")
    ] = None,
    detector: Annotated[
        str | None, Option(help="centerface, scrfd or annotation [default: centerface].")
    ] = None,
    models: Annotated[
        Path | None, Option(help="Folder of insightface models, for scrfd.", file_okay=False)
    ] = None,
    align: Annotated[
        str | None, Option(help="box (square around the face) or points (five landmarks) [default: box].")
    ] = None,
    size: Annotated[int | None, Option(min=16, help="Side of the crops, px [default: 256].")] = None,
    store: Annotated[str | None, Option(help="zarr or hdf5 [default: zarr].")] = None,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    device: Annotated[
        str | None, Option(help="Where the detector runs: auto, cpu or cuda [default: auto].")
    ] = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Find, crop and store the faces of a dataset.

    What was stopped is completed by running the same command again.
    """
    from dataclasses import asdict

    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces

    values = {
        "dataset": {"identity": identity},
        "prepare": {
            "detector": {"name": detector, "models": models and str(models), "device": device},
            "crop": {"align": align, "size_px": size},
            "store": store,
        },
    }
    tables = recipes.read(recipe, values, sets=sets)
    place = workspaces.locate(workspace)
    found = run(dataset, raw, tables, place, name=name or dataset)
    if as_json:
        console.show_json(asdict(found))
    else:
        show_summary(found, title=name or dataset)
        console.say(f"dataset in {place.data / (name or dataset)}")


def run(dataset: str, raw: Path, tables: "Values", place: "Workspace", *, name: str) -> "Summary":
    """Prepare a dataset behind a bar that counts what is kept and dropped."""
    from elimctl.prepare import build
    from elimctl.stages.prepare import find_rows, plan_dataset

    out = place.new_dataset(name)
    rows = console.track(find_rows(dataset, raw, tables["dataset"]), "read")
    plan = plan_dataset(dataset, raw, rows, tables)
    if build.is_current(plan, out):
        console.say(f"{name} is prepared already, from the same files with the same settings")
    kept = Counter[bool]()
    try:
        with console.bar("faces", total=len(plan.rows)) as advance:
            for outcome in build.build(plan, out):
                kept[outcome.reason is None] += 1
                advance(f"{kept[True]:,} kept, {kept[False]:,} dropped")
    except KeyboardInterrupt:
        console.say("stopped; run the same command again to go on")
        raise Exit(130) from None
    return build.summary(out)


def show_summary(found: "Summary", *, title: str) -> None:
    """The table of what was found, kept and dropped; it adds up."""
    rows = [("found", found.found), ("kept", found.kept)]
    rows += [(f"dropped: {reason}", number) for reason, number in found.dropped.items()]
    console.show_table((title, "frames"), rows)
