"""`elimctl demo`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Option

from elimctl.cli import console, options
from elimctl.errors import ConfigError

if TYPE_CHECKING:
    from elimctl.workspace import Workspace

DATASET, RAW, SEED = "afew-va", "raw", 0


def demo(
    size: Annotated[
        Literal["full", "tiny"],
        Option(help="full: train a model worth scoring; tiny: run every stage once, fast."),
    ] = "full",
    method: Annotated[str | None, Option(help="Training method: elim or erm [default: elim].")] = None,
    report: Annotated[bool, Option("--report", help="Also write a report page.")] = False,
    sets: options.Sets = None,
    workspace: options.Workspace = None,
) -> None:
    """Run the full pipeline on synthetic faces.

    Draws a small dataset in an empty folder, prepares it, trains, scores unseen identities, and exports the
    model to ONNX.
    """
    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.cli import evaluate, export, prepare, train
    from elimctl.cli import report as reporting
    from elimctl.commands import evaluate as evaluating
    from elimctl.commands import export as exporting
    from elimctl.commands import prepare as preparing
    from elimctl.commands import train as training

    started = time.perf_counter()
    place = workspaces.locate(workspace)
    _require_room(place)
    name = "demo" if size == "full" else f"demo-{size}"
    tables = recipes.read(name, {"method": {"name": method}}, sets=sets)
    config = recipes.run_config(tables)
    raw = place.root / RAW
    steps = 6 if report else 5

    console.say(f"1/{steps} drawing synthetic faces in the layout of AFEW-VA")
    preparing.write_synthetic(DATASET, raw, tables["synth"], seed=SEED)
    console.say(f"2/{steps} preparing: finding and cropping the faces")
    prepared = prepare.run(DATASET, raw, tables, place, name=DATASET)
    assert prepared is not None, "only a single job has no summary"
    prepare.show_summary(prepared, title=DATASET)
    console.say(f"3/{steps} training {config.method_name}")
    session = training.start(place, config)
    train.follow(session)
    console.say(f"4/{steps} scoring identities not seen in training")
    scored = evaluating.evaluate_run(place)
    evaluate.show_scores(scored.scores, scored.detail, title=f"{scored.run} on unseen identities")
    console.say(f"5/{steps} exporting to ONNX")
    exported = exporting.export_run(place, "onnx")
    export.show_export(exported)

    places = [
        ("raw frames and labels", raw),
        ("manifest, crops", place.data / DATASET),
        ("recipe, log, checkpoints", session.run.folder),
        ("predictions", scored.predictions),
        ("ONNX model", exported.path),
    ]
    if report:
        console.say(f"6/{steps} writing the report")
        page = reporting.write(place, [scored.run], faces=True)  # drawn faces, of nobody
        places.append(("report", page))
    console.show_table(("output", "path"), [(name, _short(path, place.root)) for name, path in places])
    console.say(f"done in {time.perf_counter() - started:.0f} s")


def _require_room(place: "Workspace") -> None:
    """Refuse a folder that already holds outputs of the demo."""
    for folder in (place.root / RAW, place.data, place.runs):
        if folder.exists():
            raise ConfigError(
                f"{folder} exists already",
                hint="run elimctl demo in an empty folder: mkdir demo && cd demo",
            )


def _short(path: Path, root: Path) -> str:
    """A path relative to the workspace if it is inside."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
