"""`elimctl prepare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Exit, Option

from elimctl.cli import console, options
from elimctl.cli.live import live

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import numpy as np

    from elimctl.config import Values
    from elimctl.datasets.card import Comparison
    from elimctl.prepare.build import Job, Summary
    from elimctl.workspace import Workspace

# Displayed facts about identities that a model found.
SHOWN = ("threshold", "identities", "single", "median", "largest", "silhouette", "groups", "outside")
UNPACKED = ".unpacked"  # in the workspace's data folder: unpacked archives


def prepare(
    dataset: Annotated[str, Argument(help="Dataset: {datasets}.")],
    raw: Annotated[Path, Argument(help="Raw dataset as shipped: a folder or an archive.")],
    name: Annotated[str | None, Option(help="Name of the prepared dataset [default: DATASET].")] = None,
    identity: Annotated[
        str | None,
        Option(
            help="Identity mode of the dataset, or cluster (elimctl datasets NAME lists them) "
            "[default: the dataset's]."
        ),
    ] = None,
    detector: Annotated[str | None, Option(help="Face detector: {faces} [default: centerface].")] = None,
    models: Annotated[
        Path | None, Option(help="Folder of insightface models, for --detector scrfd.", file_okay=False)
    ] = None,
    align: Annotated[
        str | None,
        Option(help="Alignment: box (square around the face) or points (landmarks) [default: box]."),
    ] = None,
    size: Annotated[int | None, Option(min=16, help="Side of the square crops in px [default: 256].")] = None,
    store: Annotated[str | None, Option(help="Image store: zarr or hdf5 [default: zarr].")] = None,
    codec: Annotated[str | None, Option(help="Image codec: raw, blosc or jpeg [default: raw].")] = None,
    split: Annotated[
        str | None,
        Option(
            metavar="SPLIT",
            help="Splits: official, folds, a CSV file with columns split and path, clip or identity, "
            "or a CSV file per split: train.csv,valid.csv,test.csv [default: official].",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        Option(min=1, help="Cross-validation folds; 1: no folds, rows without split are test [default: 6]."),
    ] = None,
    ages: Annotated[
        str | None,
        Option(help="Ages: model, a CSV file or a folder of them, by name or in the original order."),
    ] = None,
    workers: Annotated[
        int | None, Option(min=0, help="Number of processes; 0: one per core [default: 0].")
    ] = None,
    executor: Annotated[
        str | None, Option(help="Where processes run: local or ray [default: local].")
    ] = None,
    job_index: Annotated[
        int | None, Option(min=0, help="Do only this job of the work, from 0 to N-1.")
    ] = None,
    num_jobs: Annotated[int | None, Option(min=1, help="Number of jobs N, for --job-index.")] = None,
    merge: Annotated[bool, Option("--merge-jobs", help="Assemble the dataset from all jobs.")] = False,
    force: Annotated[bool, Option("--force", help="Prepare again even if the dataset is complete.")] = False,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    device: Annotated[
        str | None, Option(help="Device of the detector: auto, cpu or cuda [default: auto].")
    ] = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Find, crop and store the faces of a dataset.

    Re-run the same command to resume.
    """
    given = options.given("prepare", locals())
    from dataclasses import asdict

    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.config import nested

    tables = recipes.read(recipe, nested(given), sets=sets)
    place = workspaces.locate(workspace)
    job = _job(job_index, num_jobs, merge=merge)
    summary = run(dataset, raw, tables, place, name=name or dataset, job=job, force=force)
    if summary is None:
        if as_json:
            console.show_json({"job": job_index, "jobs": num_jobs})
        console.say(f"job {job_index} of {num_jobs} is done; after all jobs, repeat with --merge-jobs")
    elif as_json:
        totals = [asdict(entry) for entry in compare(dataset, summary)]
        console.show_json({**asdict(summary), "totals": totals})
    else:
        show_summary(summary, title=name or dataset)
        show_totals(dataset, summary)
        console.say(f"dataset in {place.data / (name or dataset)}")


def run(
    dataset: str,
    raw: Path,
    tables: "Values",
    place: "Workspace",
    *,
    name: str,
    job: "Job" = None,
    force: bool = False,
) -> "Summary | None":
    """Prepare a dataset, with a live table of kept and dropped samples; None after a single job."""
    from elimctl.commands import prepare as stage
    from elimctl.prepare import build

    tables = stage.settle(tables)
    out = place.new_dataset(name)
    with console.bar("unpack") as advance:
        root, rows = stage.open_raw(
            dataset,
            raw,
            tables["dataset"],
            cache=place.data / UNPACKED,
            force=force and job is None,  # jobs of one preparation use the same unpacked archives
            on_member=lambda _: advance(),
        )
    part = isinstance(job, build.Part)
    with stage.planned(dataset, root, console.track(rows, "read"), tables, out, shared=part) as plan:
        if force:
            build.forget(out)
        if build.is_current(plan, out):
            console.say(f"{name} is already prepared, with the same files and settings")
        try:
            with live(len(plan.rows)) as update:
                for outcome in build.build(plan, out, job=job):
                    update(outcome)
        except KeyboardInterrupt:
            console.say("stopped; re-run the same command to resume")
            raise Exit(130) from None
        if not part:
            stage.identify(out, plan, track=_track)
    return None if part else build.summary(out)


def _track(batches: "Iterable[np.ndarray]", count: int) -> "Iterable[np.ndarray]":
    return console.track(batches, "identify", total=count)


def show_summary(summary: "Summary", *, title: str) -> None:
    """The table of found, kept and dropped samples, and of identities."""
    rows: list[tuple[str, Any]] = [("found", summary.found), ("kept", summary.kept)]
    rows += [(f"dropped: {reason}", number) for reason, number in summary.dropped.items()]
    if not summary.identities:
        source = f" ({summary.identity_source})" * bool(summary.identity_source)
        rows.append(("identities", f"{summary.identity_count:,}{source}"))
    rows += [
        (f"identities: {name}", _words(value)) for name, value in summary.identities.items() if name in SHOWN
    ]
    console.show_table((title, "samples"), rows)


def _words(value: "Any") -> "Any":
    """A value for a table; groups with their sizes."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {size:,}" for name, size in value.items())
    return value


def compare(dataset: str, summary: "Summary") -> "list[Comparison]":
    """The dataset's totals next to those on its card; empty if no card can be read."""
    from elimctl.datasets import card
    from elimctl.errors import ConfigError, MissingError

    try:
        expected = card.read(dataset)
    except MissingError:
        return []
    except ConfigError as error:
        console.say(f"warning: cannot compare totals with the card: {error.message}")
        return []
    official = expected.split.official
    # A missing official split counts 0; without any of them, the dataset was split otherwise.
    nothing = dict.fromkeys(official, 0) if summary.totals.keys() & set(official) else {}
    totals = nothing | summary.totals
    if summary.own_splits:  # not those of the card
        totals = {name: count for name, count in totals.items() if name not in official}
    return card.compare(expected, totals)


def show_totals(dataset: str, summary: "Summary") -> None:
    """Show what a complete copy has in addition, unless the data are synthetic, and notes on the dataset."""
    from elimctl import plugins
    from elimctl.manifest import splits

    for entry in [] if summary.synthetic else compare(dataset, summary):
        console.say(f"compared with a complete copy: {entry.sentence}")
    apart = sum(summary.totals.get(split, 0) for split in splits.NAMES)
    if apart and (rest := summary.totals["rows"] - apart):
        console.say(f"{rest:,} of {summary.totals['rows']:,} samples are in no split")
    if note := getattr(plugins.find("datasets", dataset), "NOTE", None):
        console.say(note)


def _job(index: int | None, count: int | None, *, merge: bool) -> "Job":
    """The job that the options select."""
    from elimctl.errors import ConfigError
    from elimctl.prepare.build import Part

    if merge:
        if index is not None:
            raise ConfigError(
                "--merge-jobs with --job-index", hint="use --merge-jobs once, after all jobs are done"
            )
        return "merge"
    if index is None and count is None:
        return None
    if index is None or count is None or index >= count:
        raise ConfigError(
            "--job-index and --num-jobs go together, with the index below the number",
            hint="for 4 jobs use --num-jobs 4 with --job-index 0, 1, 2 and 3",
        )
    return Part(index, count)
