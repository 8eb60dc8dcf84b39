"""Options that several commands share, and the recipe key that each option sets."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

if TYPE_CHECKING:
    from elimctl.commands.execution import Execution

Workspace = Annotated[
    Path | None,
    Option(
        help="Folder that holds data/ and runs/ [default: current folder].",
        envvar="ELIMCTL_WORKSPACE",
        show_envvar=False,
        file_okay=False,
    ),
]
Data = Annotated[str | None, Option(help="Prepared dataset [default: the only one].")]
Run = Annotated[str | None, Option(help="Run to use [default: newest].")]
Sets = Annotated[
    list[str] | None,
    Option("--set", metavar="KEY=VALUE", help="Set any recipe key, e.g. method.reg=0.05; repeatable."),
]
Backbone = Annotated[
    str | None, Option(help="Network: {backbones}; timm/NAME for any network of timm [default: al].")
]
Method = Annotated[str | None, Option(help="Training method: {methods} [default: elim].")]
Pretrained = Annotated[
    bool | None,
    Option("--pretrained/--scratch", help="Start from ImageNet weights (downloaded) [default: --scratch]."),
]
Steps = Annotated[
    int | None, Option(min=1, help="Number of training steps [default: from the number of samples].")
]
BatchSize = Annotated[
    int | None, Option(min=2, help="Images per batch [default: from backbone and number of samples].")
]
Seed = Annotated[int | None, Option(min=0, help="Random seed [default: 0].")]
Nproc = Annotated[int | None, Option(min=1, help="Number of processes, one per GPU [default: 1].")]
TimeLimit = Annotated[
    str | None, Option(metavar="TIME", help="Save and stop after TIME, e.g. 45m, 2h or 1h30m.")
]
Patience = Annotated[
    int | None, Option(min=1, help="Stop after N validations without improvement [default: off].")
]
Track = Annotated[
    list[str] | None, Option(help="Also log to tensorboard or wandb; repeatable [default: off].")
]
Recipe = Annotated[str | None, Option(help="Recipe: a TOML file or the name of a packaged recipe.")]
Json = Annotated[bool, Option("--json", help="Write JSON to stdout instead of a table.")]
Device = Annotated[
    str | None, Option(help="Device: auto, cpu, cuda or cuda:N [default: the recipe's, else auto].")
]

# Recipe keys by option, for each group of commands.
KEYS = {
    "train": {
        "data": "data.name",
        "fold": "data.fold",
        "backbone": "model.name",
        "pretrained": "model.pretrained",
        "method": "method.name",
        "steps": "train.steps",
        "batch_size": "train.batch_size",
        "seed": "train.seed",
        "device": "train.device",
        "patience": "train.patience",
        "track": "train.trackers",
    },
    "prepare": {
        "identity": "dataset.identity",
        "ages": "dataset.ages",
        "detector": "prepare.detector.name",
        "models": "prepare.detector.models",
        "device": "prepare.detector.device",
        "align": "prepare.crop.align",
        "size": "prepare.crop.size_px",
        "store": "prepare.store",
        "codec": "prepare.codec",
        "split": "prepare.splits",
        "folds": "prepare.folds",
        "workers": "prepare.workers",
        "executor": "prepare.executor",
    },
    "synth": {"people": "synth.people", "clips": "synth.clips", "frames": "synth.frames"},
}


def given(group: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the options that a user gave, by recipe key.

    Args:
        group: key of `KEYS`.
        arguments: the command's arguments by name; `locals()` at its beginning.
    """
    keys = KEYS[group]
    named = {keys[name]: value for name, value in arguments.items() if name in keys}
    return {
        key: str(value) if isinstance(value, Path) else value
        for key, value in named.items()
        if value is not None and value != []
    }


def execution(device: str | None) -> "Execution":
    """The device of the option, and progress on the terminal."""
    from elimctl.cli import console
    from elimctl.commands.execution import Execution

    return Execution(device, lambda items, label, count: console.track(items, label, total=count))
