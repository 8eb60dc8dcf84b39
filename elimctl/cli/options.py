"""Options that several commands share, spelled and explained once."""

from pathlib import Path
from typing import Annotated

from typer import Option

Workspace = Annotated[
    Path | None,
    Option(
        help="Folder that holds data/ and runs/ [default: the current one].",
        envvar="ELIMCTL_WORKSPACE",
        show_envvar=False,
        file_okay=False,
    ),
]
Data = Annotated[str | None, Option(help="Prepared dataset to use [default: the only one].")]
Run = Annotated[str | None, Option(help="Run to use [default: the newest].")]
Sets = Annotated[
    list[str] | None,
    Option("--set", metavar="KEY=VALUE", help="Any key of the recipe, e.g. method.reg=0.05; repeatable."),
]
Recipe = Annotated[
    str | None, Option(help="Recipe: a TOML file, or the name of one that comes with elimctl.")
]
Json = Annotated[bool, Option("--json", help="Write JSON to stdout instead of a table.")]
Device = Annotated[str | None, Option(help="auto, cpu, cuda or cuda:N [default: the recipe's, auto].")]
