"""`elimctl synth`."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from elimctl.cli import console, options


def synth(
    dataset: Annotated[str, Argument(help="Dataset to draw: {synthetic}.")],
    folder: Annotated[Path, Argument(help="Folder to write; it must not exist or be empty.")],
    people: Annotated[int | None, Option(min=1, help="People to draw.")] = None,
    clips: Annotated[
        int | None, Option(min=1, help="Clips in all, dealt to the identities; clips x frames photographs.")
    ] = None,
    frames: Annotated[int | None, Option(min=1, help="Frames in a clip.")] = None,
    seed: Annotated[int, Option(min=0, help="Seed of the drawing.")] = 0,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
) -> None:
    """Write a small dataset of drawn faces in a dataset's own layout.

    Further settings of the drawing: --set synth.identity_shift=1.0 and the like.
    """
    from elimctl import recipe as recipes
    from elimctl.commands.prepare import write_synthetic

    given = {"people": people, "clips": clips, "frames": frames}
    values = recipes.read(recipe, {"synth": given}, sets=sets)["synth"]
    write_synthetic(dataset, folder, values, seed=seed)
    console.say(f"wrote a synthetic dataset of {dataset} to {folder}")
