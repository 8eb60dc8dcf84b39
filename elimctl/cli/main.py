"""The entry point: commands, and the one place that catches errors."""

import errno
import sys
from typing import Annotated

import typer

from elimctl.cli import console, demo, doctor, evaluate, export, imitate, models, prepare, train
from elimctl.errors import ElimctlError

REMEDIES = {
    errno.ENOSPC: "free some space, then run the same command again; nothing finished was lost",
    errno.EACCES: "choose a folder you may write to with --workspace",
    errno.EROFS: "choose a folder you may write to with --workspace",
}

app = typer.Typer(
    help="Identity-invariant valence and arousal: prepare, train, evaluate, export.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("prepare")(prepare.prepare)
app.command("train")(train.train)
app.command("eval")(evaluate.evaluate)
app.command("export")(export.export)
app.command("demo")(demo.demo)
app.command("imitate")(imitate.imitate)
app.command("models")(models.models)
app.command("doctor")(doctor.doctor)


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
    """Identity-invariant valence and arousal: prepare, train, evaluate, export."""


def main() -> None:
    """Run the command line; an `ElimctlError` becomes two lines on stderr and exit code 1."""
    try:
        app()
    except ElimctlError as error:
        console.error(error.message, error.hint)
        sys.exit(1)
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        where = f": {error.filename}" if error.filename else ""
        console.error(f"{(error.strerror or '').lower()}{where}", REMEDIES[error.errno])
        sys.exit(1)
