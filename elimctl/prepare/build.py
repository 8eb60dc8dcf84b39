"""From raw rows to a prepared dataset, in units that survive a kill.

A dataset that is being prepared has two folders more: `units/`, the finished units, and `.staging/`, where
the new dataset is put together from them. An earlier dataset stays as it is until the new one is complete.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pyarrow.compute as pc

from elimctl.errors import MissingError, StoreError
from elimctl.manifest import parquet
from elimctl.manifest.row import printable
from elimctl.prepare import assemble, executors
from elimctl.prepare.executors import Work
from elimctl.prepare.extract import Outcome
from elimctl.prepare.plan import Plan
from elimctl.prepare.source import examine
from elimctl.store.images import open_images

UNITS = "units"


@dataclass(frozen=True, slots=True)
class Part:
    """One of several jobs that prepare a dataset together.

    Args:
        index: number of the job, in [0, `count`).
        count: number of jobs.
    """

    index: int
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the rows of a dataset; found = kept + the sum of dropped.

    Args:
        found: number of rows.
        kept: number of rows that can be used.
        dropped: number of rows by kind of reason, the most frequent first.
        identities: how a model found them, empty where they are the dataset's own.
        identity_source: what tells the identities (`column subject`), empty where nobody says.
        identity_count: number of identities that have a kept row.
        totals: numbers of rows, clips, identities, and rows of each split, as the card counts them.
        own_splits: whether the splits are those of a user's files.
    """

    found: int
    kept: int
    dropped: dict[str, int]
    totals: dict[str, int] = field(default_factory=dict)
    identities: dict[str, Any] = field(default_factory=dict)
    own_splits: bool = False
    identity_source: str = ""
    identity_count: int = 0


Job = Part | Literal["merge"] | None  # None: the whole work


def build(plan: Plan, out: Path, *, job: Job = None) -> Iterator[Outcome]:
    """Prepare a dataset; a folder that holds it already is left as it is.

    Killed at any moment and called again, it does no finished unit twice, and the files it leaves are those
    of an uninterrupted call, byte for byte, whoever did the units.

    Args:
        plan: what to prepare.
        out: the folder of the prepared dataset.
        job: do only these units, and leave the dataset to a later call; or `merge`: do none, and put the
            dataset together from those that others did.

    Yields:
        What became of each row, in the manifest's order; nothing if the dataset is prepared already.

    Raises:
        DataError: no row was kept; an earlier dataset in the folder is as it was. Or a worker died.
        MissingError: units to merge are not done.
        StoreError: the folder holds a dataset of a newer elimctl; it is as it was.
        OSError: the disk is full, or the folder cannot be written; call again to go on.
    """
    units = out / UNITS
    if not is_current(plan, out):
        units.mkdir(parents=True, exist_ok=True)  # a file in the way is noticed before any face is sought
        names: list[str] = []
        for work in _works(plan, units, job):
            name = yield from work
            names.append(name)
        if not isinstance(job, Part):
            assemble.publish(plan, units, names, out)
    if not isinstance(job, Part):  # others may be at work here
        assemble.tidy(out, units)


def forget(out: Path) -> None:
    """Let the next `build` prepare a dataset anew; the one that is there stays until the new one is complete.

    Raises:
        StoreError: the folder holds a dataset of a newer elimctl.
    """
    parquet.refuse_newer(read_record(out).get("format"), out / assemble.RECORD)
    (out / assemble.RECORD).unlink(missing_ok=True)


def _works(plan: Plan, units: Path, job: Job) -> Iterator[Work]:
    """The units in the doing, by who is to do them."""
    tasks = list(plan.tasks(units))
    if job == "merge":
        return executors.finished(tasks, plan.detector)
    if isinstance(job, Part):
        tasks = tasks[job.index :: job.count]
    if plan.settings.executor == "ray":
        return executors.ray_tasks(tasks)
    workers = min(plan.settings.workers or executors.cores(), len(tasks))
    if workers <= 1:
        return executors.here(tasks, plan.detector)
    return executors.processes(tasks, workers=workers)


def is_current(plan: Plan, out: Path) -> bool:
    """Whether a folder holds the dataset of a plan, prepared from the same files with the same settings.

    Files are hashed that changed since the dataset was made, or lie in a folder that did, up to the root: it
    may have been put in the place of another. Of other files the size must be the same. A dataset with a
    damaged file is not current.

    Raises:
        StoreError: the dataset was written by a newer elimctl, so it must not be replaced.
    """
    record = read_record(out)
    manifest = out / parquet.NAME
    parquet.refuse_newer(record.get("format"), out / assemble.RECORD)
    parquet.refuse_newer(parquet.noted_format(manifest), manifest)
    return _same_inputs(plan, record, manifest) and _readable_images(out)


def _same_inputs(plan: Plan, record: dict[str, Any], manifest: Path) -> bool:
    """Whether a manifest is whole and was made from the files and settings of a plan."""
    if record.get("inputs") != plan.fingerprint or not manifest.exists():
        return False
    if parquet.digest(manifest) != record.get("manifest_sha256"):
        return False
    made_ns = manifest.stat().st_mtime_ns
    folder_ns = cache(_folder_changed_ns)
    known: dict[str, str | None] = {}
    checked = ""
    for numbered in plan.rows:
        row = numbered.row
        if row.reason is not None or row.path == checked:
            continue
        checked = row.path
        file = plan.root / row.path
        if max(_changed_ns(file), folder_ns(file.parent, plan.root, folder_ns)) > made_ns:
            known = known or _hashes(manifest)
            if known.get(printable(row.path)) != examine(row, plan.root).sha256:
                return False
    return True


def _changed_ns(file: Path) -> int:
    """When a file changed last; one that is missing was so before: the fingerprint has the sizes of files."""
    try:
        return file.stat().st_ctime_ns
    except OSError:
        return 0


def _folder_changed_ns(folder: Path, root: Path, above: Callable[[Path, Path, Any], int]) -> int:
    """When a folder, or one above it up to the root, changed last: also by being renamed or linked anew.

    Args:
        folder: the root or a folder below it.
        root: where to end.
        above: this function, remembering its results.
    """
    try:
        changed_ns = max(folder.stat().st_ctime_ns, folder.lstat().st_ctime_ns)
    except OSError:
        return 0
    return changed_ns if folder == root else max(changed_ns, above(folder.parent, root, above))


def _hashes(manifest: Path) -> dict[str, str | None]:
    """SHA-256 of each raw file, as a manifest notes it."""
    table = parquet.read(manifest)
    table = table.filter(pc.is_valid(table["source_sha256"]))
    return dict(zip(table["path"].to_pylist(), table["source_sha256"].to_pylist(), strict=True))


def _readable_images(out: Path) -> bool:
    """Whether every image of a dataset is where its store says."""
    try:
        open_images(out).check()
    except StoreError:
        return False
    return True


def summary(out: Path) -> Summary:
    """What became of the rows of a prepared dataset.

    Raises:
        MissingError: the folder holds no prepared dataset.
    """
    try:
        record = read_record(out)
        return Summary(
            **record["counts"],
            totals=record["totals"],
            identities=record.get("identities") or {},
            own_splits=record["settings"]["splits"] not in ("official", "folds"),
            identity_source=record.get("identity_source") or "",
            identity_count=_count_identities(out),
        )
    except (KeyError, TypeError):
        raise MissingError(f"no prepared dataset in {out}", hint="run elimctl prepare") from None


def _count_identities(out: Path) -> int:
    """Number of identities that have a kept row."""
    table = parquet.read(out, only=["identity", "status"])
    return int(pc.count_distinct(table["identity"].filter(pc.equal(table["status"], "kept"))).as_py())


def read_record(out: Path) -> dict[str, Any]:
    """What prepare.json says, nothing where there is none or it is damaged."""
    try:
        record = json.loads((out / assemble.RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
