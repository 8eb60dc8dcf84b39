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

# What is shown of how a model found the identities.
SHOWN = ("threshold", "identities", "single", "median", "largest", "silhouette", "groups", "outside")
UNPACKED = ".unpacked"  # in the workspace's data folder: what archives hold


def prepare(
    dataset: Annotated[str, Argument(help="Dataset: {datasets}.")],
    raw: Annotated[Path, Argument(help="Folder that holds the dataset as shipped, or an archive of it.")],
    name: Annotated[str | None, Option(help="Name of the prepared dataset [default: DATASET].")] = None,
    identity: Annotated[
        str | None, Option(help="What an identity is: elimctl datasets NAME lists the modes; or cluster.")
    ] = None,
    detector: Annotated[str | None, Option(help="Detector: {faces} [default: centerface].")] = None,
    models: Annotated[
        Path | None, Option(help="Folder of insightface models, for scrfd.", file_okay=False)
    ] = None,
    align: Annotated[
        str | None, Option(help="box (square around the face) or points (five landmarks) [default: box].")
    ] = None,
    size: Annotated[int | None, Option(min=16, help="Side of the crops, px [default: 256].")] = None,
    store: Annotated[str | None, Option(help="zarr or hdf5 [default: zarr].")] = None,
    codec: Annotated[str | None, Option(help="raw, blosc or jpeg [default: raw].")] = None,
    split: Annotated[
        str | None,
        Option(
            help="official, folds, a CSV with split and path, clip or identity, or a CSV per split: "
            "train.csv,valid.csv,test.csv [default: official]."
        ),
    ] = None,
    folds: Annotated[
        int | None,
        Option(min=1, help="Cross-validation folds; 1: none, rows without splits are test [default: 6]."),
    ] = None,
    ages: Annotated[
        str | None,
        Option(help="CSV of ages or a folder of them, joined by name or in the original order; or model."),
    ] = None,
    workers: Annotated[int | None, Option(min=0, help="Processes [default: one per core].")] = None,
    executor: Annotated[str | None, Option(help="local or ray [default: local].")] = None,
    job_index: Annotated[
        int | None, Option(min=0, help="Do only this job of the work; counts from 0.")
    ] = None,
    num_jobs: Annotated[int | None, Option(min=1, help="Number of jobs, for --job-index.")] = None,
    merge: Annotated[bool, Option("--merge-jobs", help="Assemble the dataset from all jobs.")] = False,
    force: Annotated[bool, Option("--force", help="Prepare again even if the dataset is complete.")] = False,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    device: Annotated[
        str | None, Option(help="Where the detector runs: auto, cpu or cuda [default: auto].")
    ] = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Find, crop and store the faces of a dataset.

    Re-run the same command to resume.
    """
    from dataclasses import asdict

    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces

    values = {
        "dataset": {"identity": identity, "ages": ages},
        "prepare": {
            "detector": {"name": detector, "models": models and str(models), "device": device},
            "crop": {"align": align, "size_px": size},
            "store": store,
            "codec": codec,
            "splits": split,
            "folds": folds,
            "workers": workers,
            "executor": executor,
        },
    }
    tables = recipes.read(recipe, values, sets=sets)
    place = workspaces.locate(workspace)
    job = _job(job_index, num_jobs, merge=merge)
    found = run(dataset, raw, tables, place, name=name or dataset, job=job, force=force)
    if found is None:
        if as_json:
            console.show_json({"job": job_index, "jobs": num_jobs})
        console.say(
            f"job {job_index} of {num_jobs} is done; after all jobs: elimctl prepare ... --merge-jobs"
        )
    elif as_json:
        console.show_json({**asdict(found), "totals": [asdict(entry) for entry in compare(dataset, found)]})
    else:
        show_summary(found, title=name or dataset)
        show_totals(dataset, found)
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
    """Prepare a dataset behind a table that counts what is kept and dropped.

    Returns:
        What became of the rows; None after a single job.
    """
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
            console.say(f"{name} is prepared already, from the same files with the same settings")
        try:
            with live(len(plan.rows)) as update:
                for outcome in build.build(plan, out, job=job):
                    update(outcome)
        except KeyboardInterrupt:
            console.say("stopped; run the same command again to go on")
            raise Exit(130) from None
        if not part:
            stage.identify(out, plan, track=_track)
    return None if part else build.summary(out)


def _track(batches: "Iterable[np.ndarray]", count: int) -> "Iterable[np.ndarray]":
    return console.track(batches, "identify", total=count)


def show_summary(found: "Summary", *, title: str) -> None:
    """The table of what was found, kept and dropped; it adds up."""
    rows: list[tuple[str, Any]] = [("found", found.found), ("kept", found.kept)]
    rows += [(f"dropped: {reason}", number) for reason, number in found.dropped.items()]
    if not found.identities:
        source = f" ({found.identity_source})" * bool(found.identity_source)
        rows.append(("identities", f"{found.identity_count:,}{source}"))
    rows += [
        (f"identities: {name}", _words(value)) for name, value in found.identities.items() if name in SHOWN
    ]
    console.show_table((title, "samples"), rows)


def _words(value: "Any") -> "Any":
    """A value for a table; of a group and its size each."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {size:,}" for name, size in value.items())
    return value


def compare(dataset: str, found: "Summary") -> "list[Comparison]":
    """What was found against the totals on the dataset's card; nothing where no card can be read."""
    from elimctl.datasets import card
    from elimctl.errors import ConfigError, MissingError

    try:
        expected = card.read(dataset)
    except MissingError:
        return []
    except ConfigError as error:
        console.say(f"warning: totals are not compared: {error.message}")
        return []
    official = expected.split.official
    # Of the official splits one may not be there at all; where none is, the dataset was split otherwise.
    nothing = dict.fromkeys(official, 0) if found.totals.keys() & set(official) else {}
    totals = nothing | found.totals
    if found.own_splits:  # they are not those of the card
        totals = {name: count for name, count in totals.items() if name not in official}
    return card.compare(expected, totals)


def show_totals(dataset: str, found: "Summary") -> None:
    """Say what is missing of a complete copy, and what is particular about the dataset."""
    from elimctl import plugins
    from elimctl.manifest import splits

    for entry in compare(dataset, found):
        console.say(f"of a complete copy: {entry.sentence}")
    apart = sum(found.totals.get(split, 0) for split in splits.NAMES)
    if apart and (rest := found.totals["rows"] - apart):
        console.say(f"{rest:,} of {found.totals['rows']:,} samples are in no split")
    if note := getattr(plugins.find("datasets", dataset), "NOTE", None):
        console.say(note)


def _job(index: int | None, count: int | None, *, merge: bool) -> "Job":
    """The part of the work that the options select."""
    from elimctl.errors import ConfigError
    from elimctl.prepare.build import Part

    if merge:
        if index is not None:
            raise ConfigError(
                "--merge-jobs with --job-index", hint="run --merge-jobs once, after all jobs are done"
            )
        return "merge"
    if index is None and count is None:
        return None
    if index is None or count is None or index >= count:
        raise ConfigError(
            "--job-index and --num-jobs go together, the index below the number",
            hint="for 4 jobs: --num-jobs 4 with --job-index 0, 1, 2 and 3",
        )
    return Part(index, count)
