"""`elimctl imitate`."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from elimctl.cli import console, options


def imitate(
    dataset: Annotated[str, Argument(help="Dataset to imitate: {datasets}.")],
    folder: Annotated[Path, Argument(help="Folder to write; it must not exist or be empty.")],
    identities: Annotated[int | None, Option(min=1, help="Identities to draw.")] = None,
    clips: Annotated[
        int | None, Option(min=1, help="Clips in all, dealt to the identities; clips x frames photographs.")
    ] = None,
    frames: Annotated[int | None, Option(min=1, help="Frames in a clip.")] = None,
    seed: Annotated[int, Option(min=0, help="Seed of the drawing.")] = 0,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
) -> None:
    """Write a small dataset of drawn faces in a dataset's own layout.

    Further settings of the drawing: --set imitate.identity_shift=1.0 and the like.
    """
    from elimctl import recipe as recipes
    from elimctl.stages.prepare import imitate_dataset

    given = {"identities": identities, "clips": clips, "frames": frames}
    values = recipes.read(recipe, {"imitate": given}, sets=sets)["imitate"]
    imitate_dataset(dataset, folder, values, seed=seed)
    console.say(f"wrote an imitation of {dataset} to {folder}")
