"""Options that several commands share, spelled and explained once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

if TYPE_CHECKING:
    from elimctl.commands.execution import Execution

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
Backbone = Annotated[
    str | None, Option(help="Backbone: {backbones}; as timm/NAME any network of timm [default: al].")
]
Method = Annotated[
    str | None,
    Option(help="Method: {methods} [default: elim]."),
]
Pretrained = Annotated[
    bool | None, Option("--pretrained/--scratch", help="Start from ImageNet weights (downloaded).")
]
Steps = Annotated[
    int | None, Option(min=1, help="Training steps [default: follows from the number of samples].")
]
BatchSize = Annotated[int | None, Option(min=2, help="Images in a batch.")]
Seed = Annotated[int | None, Option(min=0, help="Seed of everything random [default: 0].")]
Nproc = Annotated[
    int | None, Option(min=1, help="Processes that share each batch, one for each GPU [default: 1].")
]
TimeLimit = Annotated[
    str | None, Option(metavar="TIME", help="Stop after 45m, 2h or 1h30m, saved, to be gone on with later.")
]
Patience = Annotated[int | None, Option(min=1, help="Validations without a better CCC after which to end.")]
Track = Annotated[list[str] | None, Option(help="tensorboard or wandb, beside metrics.csv; repeatable.")]
Recipe = Annotated[
    str | None, Option(help="Recipe: a TOML file, or the name of one that comes with elimctl.")
]
Json = Annotated[bool, Option("--json", help="Write JSON to stdout instead of a table.")]
Device = Annotated[str | None, Option(help="auto, cpu, cuda or cuda:N [default: the recipe's, auto].")]


def execution(device: str | None) -> "Execution":
    """The device of the option, and progress on the terminal."""
    from elimctl.cli import console
    from elimctl.commands.execution import Execution

    return Execution(device, lambda items, label, count: console.track(items, label, total=count))
