"""`elimctl data`: list, check, convert and export prepared datasets."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer
from typer import Argument, Exit, Option

from elimctl.cli import console, options, tables
from elimctl.errors import ConfigError
from elimctl.text import counted

if TYPE_CHECKING:
    from elimctl.prepare.verify import Damage

app = typer.Typer(
    help="List, check, convert and export prepared datasets.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[str | None, Argument(help="Prepared dataset [default: the only one].")]


@app.command("list")
def list_datasets(as_json: options.Json = False, workspace: options.Workspace = None) -> None:
    """List the prepared datasets of the workspace."""
    from elimctl import workspace as workspaces
    from elimctl.commands import data
    from elimctl.prepare import describe

    place = workspaces.locate(workspace)
    lines = [describe.line(folder) for folder in data.prepared(place)]
    if as_json:
        console.show_json([asdict(line) for line in lines])
        return
    columns = ("name", "dataset", "rows", "kept", "identities", "store", "on disk")
    console.show_table(columns, [tables.line(asdict(line)) for line in lines])
    for line in lines:
        if line.damage is not None:
            console.say(f"{line.name}: {line.damage}")
    if not lines:
        console.say(f"no prepared dataset under {place.data}; run elimctl prepare")


@app.command()
def show(name: Name = None, as_json: options.Json = False, workspace: options.Workspace = None) -> None:
    """Show counts, identities, splits, labels and settings of a dataset."""
    from elimctl import workspace as workspaces
    from elimctl.commands import data
    from elimctl.prepare.describe import describe

    facts = describe(data.locate(workspaces.locate(workspace), name))
    if as_json:
        console.show_json(facts)
    else:
        console.show_table((facts["name"], ""), tables.facts(facts))
        for title in ("splits", "folds"):
            if facts[title]:
                console.show_table((title, "kept", "identities"), [group.values() for group in facts[title]])


@app.command()
def verify(name: Name = None, as_json: options.Json = False, workspace: options.Workspace = None) -> None:
    """Hash every file and image of a dataset again, and list damage.

    The exit code is 1 if there is damage.
    """
    from elimctl import workspace as workspaces
    from elimctl.commands import data
    from elimctl.prepare import build, verify
    from elimctl.store import features

    folder = data.locate(workspaces.locate(workspace), name)
    total = (build.read_record(folder).get("counts") or {}).get("found")
    damaged = checked = 0
    needs_prepare = False  # damage that `features extract` cannot repair
    if as_json:  # in parts, because the list may be as long as the manifest
        sys.stdout.write(f'{{"name": {json.dumps(folder.name)}, "damaged": [')
    with console.bar("verify", total=total) as advance:
        for damage in verify.verify(folder):
            checked += 1
            if damage is not None:
                _show_damage(damage, first=not damaged, as_json=as_json)
                damaged += 1
                needs_prepare |= not damage.path.startswith(f"{features.FOLDER}/")
            advance(f"{damaged:,} damaged")
    if as_json:
        sys.stdout.write(f'], "checked": {checked}, "whole": {json.dumps(not damaged)}}}\n')
    elif damaged:
        # without --force, `prepare` trusts images whose places are sound
        prepare = "run the same elimctl prepare with --force (or convert it again)"
        remedy = prepare if needs_prepare else "run elimctl features extract again"
        console.say(f"{folder.name}: {damaged:,} of {checked:,} checked are damaged; {remedy}")
    else:
        console.say(f"{folder.name} is undamaged: {checked:,} checked")
    if damaged:
        raise Exit(1)


@app.command()
def convert(
    name: Name = None,
    to: Annotated[str | None, Option(help="zarr or hdf5 [default: unchanged].")] = None,
    codec: Annotated[str | None, Option(help="raw, blosc or jpeg (lossy) [default: unchanged].")] = None,
    as_name: Annotated[
        str | None, Option("--as", metavar="NAME", help="Write a new dataset of this name.")
    ] = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Convert a dataset's images to another store or codec."""
    from elimctl import workspace as workspaces
    from elimctl.commands import data
    from elimctl.config import merge, validate
    from elimctl.prepare import describe

    target = validate(data.Target, merge({"to": to, "codec": codec}))
    place = workspaces.locate(workspace)
    folder = data.locate(place, name)
    out = folder if as_name is None else place.new_dataset(as_name)
    before = describe.line(folder)
    done = 0
    with console.bar("convert", total=before.rows) as advance:
        for number in data.convert(folder, out, target):
            advance(by=number)
            done += number
    after = describe.line(out)
    if as_json:
        console.show_json({**asdict(after), "written": done, "size_before": before.size})
    elif done:
        sizes = f"{tables.in_bytes(before.size)} before, {tables.in_bytes(after.size)} now"
        console.say(f"{after.name} is {after.store}, {after.codec}: {counted(done, 'image')}, {sizes}")
    else:
        console.say(f"{after.name} is already {after.store}, {after.codec}")


@app.command()
def gc(
    name: Annotated[str | None, Argument(help="Dataset [default: all, and unpacked archives].")] = None,
    yes: Annotated[bool, Option("--yes", help="Delete without asking.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only list files.")] = False,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Delete caches and leftovers, after listing them and asking.

    Without a terminal, nothing is deleted unless you give --yes.
    """
    from elimctl import workspace as workspaces
    from elimctl.commands import data
    from elimctl.prepare.gc import remove

    place = workspaces.locate(workspace)
    with data.garbage(place, name) as pieces:
        size = sum(piece.size for piece in pieces)
        if pieces and not as_json:
            rows = [
                (str(piece.path.relative_to(place.root)), tables.in_bytes(piece.size), piece.why)
                for piece in pieces
            ]
            console.show_table(("not needed", "size", "why"), rows)
        delete = bool(pieces) and not dry_run and (yes or _confirmed(size, as_json=as_json))
        for piece in pieces if delete else ():
            remove(piece)
    if as_json:
        values = [{**asdict(piece), "path": str(piece.path)} for piece in pieces]
        console.show_json({"garbage": values, "size": size, "removed": delete})
    elif not pieces:
        console.say("nothing to delete")
    elif delete:
        console.say(f"deleted {tables.in_bytes(size)}")
    else:
        console.say(f"nothing deleted; --yes deletes {tables.in_bytes(size)}")


@app.command("export-csv")
def export_csv(
    name: Name = None,
    out: Annotated[Path | None, Option(help="File to write [default: stdout].", dir_okay=False)] = None,
    split: Annotated[str | None, Option(help="all, train, val or test [default: all].")] = None,
    fold: Annotated[int | None, Option(min=0, help="Fold used as val [default: 0].")] = None,
    dropped: Annotated[bool, Option("--all", help="Also write dropped rows.")] = False,
    elim: Annotated[bool, Option("--elim", help="Use the layout of the published ELIM code.")] = False,
    images: Annotated[
        Path | None, Option(help="Folder for the crops, as PNG or JPEG files.", file_okay=False)
    ] = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Write the kept rows of a dataset as CSV, and its crops as files."""
    from elimctl import workspace as workspaces
    from elimctl.commands import data
    from elimctl.config import merge, validate
    from elimctl.prepare.build import read_record
    from elimctl.prepare.export_csv import ExportOptions, export

    if as_json and out is None:
        raise ConfigError("--json needs --out, because the CSV goes to stdout", hint="add --out FILE")
    values = {"split": split, "fold": fold, "dropped": dropped, "elim": elim, "images": images}
    settings = validate(ExportOptions, merge(values))
    folder = data.locate(workspaces.locate(workspace), name)
    total = (read_record(folder).get("counts") or {}).get("found" if dropped else "kept")
    written = 0
    with console.bar("export", total=total) as advance, _opened(out) as file:
        for number in export(folder, file, settings):
            advance(by=number)
            written += number
    if as_json:
        console.show_json({"name": folder.name, "rows": written, "csv": str(out)})
    else:
        console.say(f"{counted(written, 'row')} of {folder.name}{f' in {out}' if out else ''}")


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    """Open a file for CSV, written atomically, or stdout."""
    from elimctl import atomic

    if out is None:
        yield sys.stdout
        return
    with atomic.replacing(out) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        yield file


def _show_damage(damage: "Damage", *, first: bool, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(("" if first else ",") + "\n  " + json.dumps(asdict(damage), ensure_ascii=False))
    else:
        row = "" if damage.row is None else f"row {damage.row}  "
        sys.stdout.write(f"{row}{damage.path}  {damage.what}\n")


def _confirmed(size: int, *, as_json: bool) -> bool:
    """Ask on a terminal whether to delete; False without a terminal."""
    if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return typer.confirm(f"delete {tables.in_bytes(size)}?", err=True)
