"""`elimctl figures`."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from elimctl.cli import console, options

LONGEST = 240  # characters of a title or a reason: a name from data may have thousands


def figures(
    runs: Annotated[
        list[str] | None, Argument(metavar="[RUN]...", help="Runs [default: the newest].")
    ] = None,
    split: Annotated[str, Option(help="Scored split to draw.")] = "val",
    out: Annotated[
        Path | None, Option(help="Folder for the figures [default: figures/ of each run].", file_okay=False)
    ] = None,
    faces: Annotated[
        bool, Option("--faces", help="Show faces; most licences forbid to pass them on.")
    ] = False,
    only: Annotated[
        list[str] | None, Option(metavar="NAME", help="Draw only this figure; repeatable.")
    ] = None,
    pair: Annotated[
        list[str] | None,
        Option(
            metavar="REFERENCE:TARGET",
            help="Pair of identities for shift_bars and plan_map; repeatable [default: random pairs].",
        ),
    ] = None,
    dark: Annotated[bool, Option("--dark", help="Dark background, in the folder dark/.")] = False,
    device: options.Device = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Draw the figures of runs as PNG and SVG."""
    from dataclasses import asdict

    from elimctl import workspace as workspaces
    from elimctl.errors import DataError
    from elimctl.figures.draw_runs import Wanted, draw_runs
    from elimctl.figures.style import DARK, LIGHT
    from elimctl.text import counted, printable, shortened

    drawn = list(
        draw_runs(
            workspaces.locate(workspace),
            runs or (),
            split=split,
            out=out,
            wanted=Wanted(only or (), pair or (), faces),
            look=DARK if dark else LIGHT,
            execution=options.execution(device),
        )
    )
    if as_json:
        console.show_json([asdict(folder) for folder in drawn])
    else:
        for folder in drawn:
            rows = [(made.name, shortened(made.title, LONGEST)) for made in folder.made]
            rows += [
                (name, f"not drawn: {shortened(printable(why), LONGEST)}")
                for name, why in folder.skipped.items()
            ]
            console.show_table(("figure", "what"), rows, title=", ".join(folder.runs))
            console.say(f"{counted(len(folder.made), 'figure')} in {folder.folder}")
    if not any(folder.made for folder in drawn):
        reasons = dict.fromkeys(
            shortened(printable(why), LONGEST) for folder in drawn for why in folder.skipped.values()
        )
        raise DataError(f"no figure could be drawn: {'; '.join(reasons)}", hint="run elimctl eval first")
