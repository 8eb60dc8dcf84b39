"""`elimctl synth`."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from elimctl.cli import console, options


def synth(
    dataset: Annotated[str, Argument(help="Dataset whose layout to use: {synthetic}.")],
    folder: Annotated[Path, Argument(help="Folder to write; new or empty.")],
    people: Annotated[int | None, Option(min=1, help="Number of people [default: DATASET's].")] = None,
    clips: Annotated[
        int | None, Option(min=1, help="Number of clips, all people together [default: DATASET's].")
    ] = None,
    frames: Annotated[int | None, Option(min=1, help="Frames per clip [default: DATASET's].")] = None,
    seed: Annotated[int, Option(min=0, help="Random seed.")] = 0,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
) -> None:
    """Write a small synthetic dataset in a dataset's layout.

    A dataset of photographs has CLIPS x FRAMES photographs. Set further options with --set, e.g. --set
    synth.identity_shift=1.0.
    """
    given = options.given("synth", locals())
    from elimctl import recipe as recipes
    from elimctl.commands.prepare import write_synthetic
    from elimctl.config import nested

    values = recipes.read(recipe, nested(given), sets=sets)["synth"]
    write_synthetic(dataset, folder, values, seed=seed)
    console.say(f"wrote a synthetic {dataset} dataset to {folder}")
