"""`elimctl data`: look at prepared datasets, check, convert and export them."""

import json
import sys
from collections.abc import Iterable, Iterator
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
    from elimctl.prepare.gc import Garbage
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
    found = [describe.line(folder) for folder in data.prepared(place)]
    if as_json:
        console.show_json([asdict(line) for line in found])
        return
    columns = ("name", "dataset", "rows", "kept", "identities", "store", "on disk")
    console.show_table(columns, [tables.line(asdict(line)) for line in found])
    for line in found:
        if line.damage is not None:
            console.say(f"{line.name}: {line.damage}")
    if not found:
        console.say(f"no prepared dataset under {place.data}; run elimctl prepare")


@app.command()
def show(name: Name = None, as_json: options.Json = False, workspace: options.Workspace = None) -> None:
    """Show what a dataset holds: counts, identities, splits, labels, settings."""
    from elimctl import workspace as workspaces
    from elimctl.commands import data
    from elimctl.prepare.describe import describe

    found = describe(data.locate(workspaces.locate(workspace), name))
    if as_json:
        console.show_json(found)
    else:
        console.show_table((found["name"], ""), tables.facts(found))
        for title in ("splits", "folds"):
            if found[title]:
                console.show_table((title, "kept", "identities"), [group.values() for group in found[title]])


@app.command()
def verify(name: Name = None, as_json: options.Json = False, workspace: options.Workspace = None) -> None:
    """Hash every file and image of a dataset again, and name each that is damaged.

    The exit code is 1 if one is.
    """
    from elimctl import workspace as workspaces
    from elimctl.commands import data
    from elimctl.prepare import build, verify
    from elimctl.store import features

    folder = data.locate(workspaces.locate(workspace), name)
    total = (build.read_record(folder).get("counts") or {}).get("found")
    damaged = checked = 0
    lost = False  # something that only `prepare` makes
    if as_json:  # piece by piece: damage may be as long as the manifest
        sys.stdout.write(f'{{"name": {json.dumps(folder.name)}, "damaged": [')
    with console.bar("verify", total=total) as advance:
        for found in verify.verify(folder):
            checked += 1
            if found is not None:
                _show_damage(found, first=not damaged, as_json=as_json)
                damaged += 1
                lost |= not found.path.startswith(f"{features.FOLDER}/")
            advance(f"{damaged:,} damaged")
    if as_json:
        sys.stdout.write(f'], "checked": {checked}, "whole": {json.dumps(not damaged)}}}\n')
    elif damaged:
        # `prepare` trusts images whose places are right
        anew = "run the same elimctl prepare with --force (or convert it again)"
        remedy = anew if lost else "run elimctl features extract again"
        console.say(f"{folder.name}: {damaged:,} of {checked:,} checked are damaged; {remedy}")
    else:
        console.say(f"{folder.name} is whole: {checked:,} checked")
    if damaged:
        raise Exit(1)


@app.command()
def convert(
    name: Name = None,
    to: Annotated[str | None, Option(help="zarr or hdf5 [default: as it is].")] = None,
    codec: Annotated[
        str | None, Option(help="raw, blosc, or jpeg, which loses a little [default: as it is].")
    ] = None,
    as_name: Annotated[
        str | None, Option("--as", metavar="NAME", help="Leave the dataset, and write one of this name.")
    ] = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Write a dataset's images to another store, or code them otherwise."""
    from elimctl import workspace as workspaces
    from elimctl.commands import data
    from elimctl.config import merge, validate
    from elimctl.prepare import describe

    wanted = validate(data.Target, merge({"to": to, "codec": codec}))
    place = workspaces.locate(workspace)
    folder = data.locate(place, name)
    out = folder if as_name is None else place.new_dataset(as_name)
    before = describe.line(folder)
    done = 0
    with console.bar("convert", total=before.rows) as advance:
        for number in data.convert(folder, out, wanted):
            advance(by=number)
            done += number
    after = describe.line(out)
    if as_json:
        console.show_json({**asdict(after), "written": done, "size_before": before.size})
    elif done:
        sizes = f"{tables.in_bytes(before.size)} before, {tables.in_bytes(after.size)} now"
        console.say(f"{after.name} is {after.store}, {after.codec}: {counted(done, 'image')}, {sizes}")
    else:
        console.say(f"{after.name} is {after.store}, {after.codec} already")


@app.command()
def gc(
    name: Annotated[str | None, Argument(help="Dataset [default: all, and unpacked archives].")] = None,
    yes: Annotated[bool, Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only list what would be freed.")] = False,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Free what no prepared dataset needs, after listing it and asking.

    Without a terminal it only lists, unless told --yes.
    """
    from elimctl import workspace as workspaces
    from elimctl.commands import data
    from elimctl.prepare.gc import remove

    place = workspaces.locate(workspace)
    with data.garbage(place, name) as found:
        size = sum(piece.size for piece in found)
        if not as_json:
            _show_garbage(found, place.root)
        wanted = bool(found) and not dry_run and (yes or _confirmed(size, as_json=as_json))
        for piece in found if wanted else ():
            remove(piece)
    if as_json:
        pieces = [{**asdict(piece), "path": str(piece.path)} for piece in found]
        console.show_json({"garbage": pieces, "size": size, "removed": wanted})
    elif not found:
        console.say("nothing to free")
    else:
        console.say(
            f"freed {tables.in_bytes(size)}"
            if wanted
            else f"{tables.in_bytes(size)} left as it is; --yes frees it"
        )


@app.command("export-csv")
def export_csv(
    name: Name = None,
    out: Annotated[Path | None, Option(help="File to write [default: stdout].", dir_okay=False)] = None,
    split: Annotated[str | None, Option(help="all, train, val or test [default: all].")] = None,
    fold: Annotated[int | None, Option(min=0, help="Fold that is val [default: 0].")] = None,
    dropped: Annotated[bool, Option("--all", help="Dropped rows too.")] = False,
    elim: Annotated[bool, Option("--elim", help="In the layout of the published ELIM code.")] = False,
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
        raise ConfigError("stdout cannot take both CSV and JSON", hint="name a file with --out FILE")
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
    """A file for CSV that is there whole or not at all, or stdout."""
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


def _show_garbage(found: "Iterable[Garbage]", root: Path) -> None:
    rows = [(str(piece.path.relative_to(root)), tables.in_bytes(piece.size), piece.why) for piece in found]
    if rows:
        console.show_table(("not needed", "frees", "why"), rows)


def _confirmed(size: int, *, as_json: bool) -> bool:
    """Ask on a terminal whether to free so many bytes; no where there is nobody to ask."""
    if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return typer.confirm(f"free {tables.in_bytes(size)}?", err=True)
