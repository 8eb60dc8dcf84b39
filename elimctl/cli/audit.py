"""`elimctl data audit`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Exit, Option

from elimctl.cli import console, options
from elimctl.text import counted

if TYPE_CHECKING:
    from elimctl.commands.audit import Audit

LABEL_FAULTS = {"missing": ("row without", "rows without"), "outside": ("OUTSIDE [-1, 1]",) * 2}


def audit(
    name: Annotated[str | None, Argument(help="Prepared dataset [default: the only one].")] = None,
    face_threshold: Annotated[
        float | None,
        Option(min=-1, max=1, help="Cosine above which two clips show one person [default: 0.5]."),
    ] = None,
    images: Annotated[
        bool, Option("--images/--no-images", help="Look for near-duplicates (reads every crop).")
    ] = True,
    out: Annotated[
        Path | None,
        Option(help="JSON file to write [default: audit.json in the dataset].", dir_okay=False),
    ] = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Look for leaks between splits and for imbalance.

    The exit code is 1 if something leaks.
    """
    from elimctl import workspace as workspaces
    from elimctl.commands import audit as stage
    from elimctl.commands import data

    folder = data.locate(workspaces.locate(workspace), name)
    found = stage.audit_dataset(
        folder,
        images=images,
        face_threshold=stage.FACE_THRESHOLD if face_threshold is None else face_threshold,
        out=out,
        track=lambda batches, count: console.track(batches, "images", total=count),
    )
    if as_json:
        console.show_json(stage.to_values(found))
    else:
        show(found)
        console.say(f"examples and numbers in {out or folder / stage.NAME}")
    if found.leaking:
        raise Exit(1)


def show(found: "Audit") -> None:
    """The tables of an audit, leaks first."""
    ranked = sorted(found.leaks, key=lambda leak: leak.count == 0)
    rows: list[tuple[object, ...]] = [
        (leak.kind, leak.between, leak.count, leak.rows, "LEAK" if leak.count else "ok") for leak in ranked
    ]
    rows += [(kind, None, None, None, f"skipped: {reason}") for kind, reason in found.skipped.items()]
    console.show_table(("shared", "between", "found", "rows", "verdict"), rows, title=found.dataset)
    console.show_table(("check", "found"), list(_checks(found)))


def _checks(found: "Audit") -> list[tuple[str, str]]:
    """What the labels, classes, identities and clips are like."""
    rows = [("rows", f"{found.rows:,}, {found.kept:,} kept")]
    for axis, values in found.labels.items():
        rows.append((axis, _range(values)))
    if found.classes:
        total = sum(found.classes.values())
        rows += [
            (f"class {name}", f"{number:,} ({number / total:.1%})") for name, number in found.classes.items()
        ]
    sizes = found.identities
    if sizes["count"]:
        share = f"largest {sizes['largest_share']:.1%} of all"
        rows.append(("identities", f"{sizes['count']:,}, median {sizes['median']:,g} rows, {share}"))
        rows += [("identities of 1 row", f"{sizes['few']:,}")]
    rows.append(("clips", f"{found.clips['count']:,}, {found.clips['empty']:,} without a kept row"))
    return rows


def _range(values: dict[str, Any]) -> str:
    """A label's range in words."""
    if values["min"] is None:
        return f"no labels, {counted(values['missing'], 'row')} without"
    words = [f"{values['min']:+.3f} to {values['max']:+.3f}", f"mean {values['mean']:+.3f}"]
    words += [f"steps of {values['step']:g}"] if values["step"] else []
    words += [counted(values[name], *texts) for name, texts in LABEL_FAULTS.items() if values[name]]
    return ", ".join(words + ["constant"] * bool(values["constant"]))
