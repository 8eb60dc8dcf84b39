"""The entry point: commands, and the one place that catches errors."""

import errno
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer

from elimctl.cli import (
    audit,
    bench,
    compare,
    console,
    crossval,
    data,
    datasets,
    demo,
    doctor,
    evaluate,
    export,
    features,
    figures,
    models,
    prepare,
    report,
    reproduce,
    run,
    synth,
    temporal,
    train,
)
from elimctl.cli.help_texts import GroupedHelp, ListedHelp
from elimctl.errors import ElimctlError, Notice, RankError

FULL = "free some space, then run the same command again; nothing finished was lost"
CLOSED = "check the permissions of that path, or choose another folder with --workspace"
REMEDIES = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: "raise the limit on the size of files, then run the same command again",
    errno.EACCES: CLOSED,
    errno.EPERM: CLOSED,
    errno.EROFS: CLOSED,
    errno.ENOTDIR: "move that file away, or choose another folder with --workspace",
    errno.EEXIST: "move that file away, or choose another folder with --workspace",
}

COMMANDS: dict[str, dict[str, Callable[..., None] | typer.Typer]] = {
    "Data": {
        "prepare": prepare.prepare,
        "data": data.app,
        "features": features.app,
        "datasets": datasets.datasets,
        "synth": synth.synth,
    },
    "Training": {
        "train": train.train,
        "crossval": crossval.crossval,
        "temporal": temporal.temporal,
        "run": run.run,
        "reproduce": reproduce.reproduce,
    },
    "Evaluation": {
        "eval": evaluate.evaluate,
        "compare": compare.compare,
        "figures": figures.figures,
        "report": report.report,
    },
    "Use": {"export": export.export},
    "Tools": {"demo": demo.demo, "models": models.models, "doctor": doctor.doctor, "bench": bench.app},
}

app = typer.Typer(
    cls=GroupedHelp,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it would take "[default: ...]" for markup, and load rich for --help
    context_settings={"help_option_names": ["-h", "--help"]},
)
data.app.command("audit", cls=ListedHelp)(audit.audit)
for panel, commands in COMMANDS.items():
    for name, command in commands.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, cls=GroupedHelp, rich_help_panel=panel)
        else:
            app.command(name, cls=ListedHelp, rich_help_panel=panel)(command)


def _show_version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"elimctl {version('elimctl')}")
        raise typer.Exit
    return wanted


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Train identity-invariant valence and arousal models: prepare, train, evaluate, export."""


def _show_notice(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
    """Show a notice as one line, and other warnings as Python does."""
    if issubclass(category, Notice):
        console.say(f"warning: {message}")
    else:
        _show_warning(message, category, *place, **more)


_show_warning = warnings.showwarning


def main() -> None:
    """Run the command line; errors a user can act on become two lines on stderr and exit code 1."""
    warnings.showwarning = _show_notice
    try:
        app()
    except ElimctlError as error:
        console.error(error.message, error.hint)
        sys.exit(console.LOST if isinstance(error, RankError) else 1)
    except OSError as error:
        if error.filename is None and error.errno not in REMEDIES:
            raise  # not about a file of the user's: ours to mend, with its traceback
        where = f": {error.filename}" if error.filename else ""
        remedy = REMEDIES.get(error.errno or 0, "check that path, then run the same command again")
        console.error(f"{(error.strerror or str(error)).lower()}{where}", remedy)
        sys.exit(1)
