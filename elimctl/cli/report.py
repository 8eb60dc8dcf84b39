"""`elimctl report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from elimctl.cli import console, options

if TYPE_CHECKING:
    from elimctl.workspace import Workspace

NAME = "report.html"  # in a run's folder; in the workspace for several runs; of the split val


def report(
    runs: Annotated[
        list[str] | None,
        Argument(metavar="[RUN]...", help="Runs; compared with the first [default: the newest]."),
    ] = None,
    out: Annotated[
        Path | None,
        Option(
            "--out",
            "-o",
            help="File to write [default: report.html, or report-SPLIT.html, of the run].",
            dir_okay=False,
        ),
    ] = None,
    split: Annotated[
        str, Option(help="Split to report: train, val, all, or a split of the dataset.")
    ] = "val",
    faces: Annotated[
        bool, Option("--faces", help="Show faces; most licences forbid to pass them on.")
    ] = False,
    only: Annotated[
        list[str] | None,
        Option(metavar="FIGURE", help="Draw only this figure; repeatable [default: all]."),
    ] = None,
    device: options.Device = None,
    workspace: options.Workspace = None,
) -> None:
    """Write an HTML page about one or several runs.

    One file that needs no network: scores, figures, identities, data and recipe.
    """
    from elimctl import workspace as workspaces

    write(
        workspaces.locate(workspace), runs or [], out=out, split=split, faces=faces, only=only, device=device
    )


def write(
    place: "Workspace",
    runs: list[str],
    *,
    out: Path | None = None,
    split: str = "val",
    faces: bool = False,
    only: list[str] | None = None,
    device: str | None = None,
) -> Path:
    """Write the page, and say what it says in one sentence and where it is."""
    from elimctl import atomic
    from elimctl.report.build import build
    from elimctl.report.page import render

    page = build(
        place,
        runs,
        split=split,
        faces=faces,
        only=only or (),
        execution=options.execution(device),
    )
    html = render(page)
    folder = place.runs / page.runs[0] if len(page.runs) == 1 else place.root
    file = out or folder / (NAME if split == "val" else f"report-{split}.html")
    atomic.write_text(file, html)
    console.say(page.summary)
    for remark in page.remarks:
        console.say(f"note: {remark}")
    console.say(f"page in {file}, {len(html.encode('utf-8')) / 1e6:.1f} MB")
    return file
