"""Turn raw rows into a prepared dataset, in units that survive a kill.

During the preparation the dataset's folder has two more folders: `units/` holds finished units, and in
`.staging/` the new dataset is put together. An earlier dataset stays until the new one is complete.
"""

import json
from collections.abc import Iterator
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
    """One of `count` jobs that prepare a dataset together; `index` is in [0, `count`)."""

    index: int
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Result of a preparation; found = kept + sum of dropped."""

    found: int  # number of rows
    kept: int  # number of usable rows
    dropped: dict[str, int]  # number of rows by kind of reason, the most frequent first
    # number of rows, clips, identities, and rows of each split, as the dataset's card counts
    totals: dict[str, int] = field(default_factory=dict)
    # facts about identities that a model found; empty for the dataset's identities
    identities: dict[str, Any] = field(default_factory=dict)
    own_splits: bool = False  # whether the splits come from a user's files
    identity_source: str = ""  # source of the identities (`column subject`); empty if unknown
    identity_count: int = 0  # number of identities with a kept row
    synthetic: bool = False  # whether `elimctl synth` wrote the raw data


Job = Part | Literal["merge"] | None  # None: all units


def build(plan: Plan, out: Path, *, job: Job = None) -> Iterator[Outcome]:
    """Prepare a dataset, unless its folder holds it already.

    A call after a kill runs no finished unit again, and its files are byte for byte those of an uninterrupted
    call, for every executor. A `Part` runs only its units; `merge` only puts the dataset together.

    Yields:
        The outcome of each row, in the manifest's order; nothing if the dataset is prepared already.

    Raises:
        DataError: no row was kept, or a worker died; an earlier dataset in the folder is unchanged.
        MissingError: units to merge are not finished.
        StoreError: the folder holds a dataset of a newer elimctl, which is unchanged.
        OSError: the disk is full, or the folder cannot be written; call again to resume.
    """
    units = out / UNITS
    if not is_current(plan, out):
        units.mkdir(parents=True, exist_ok=True)  # a file of that name fails before the work starts
        names: list[str] = []
        for work in _works(plan, units, job):
            name = yield from work
            names.append(name)
        if not isinstance(job, Part):
            assemble.publish(plan, units, names, out)
    if not isinstance(job, Part):  # other jobs may be running
        assemble.tidy(out, units)


def forget(out: Path) -> None:
    """Make the next `build` prepare the dataset again; the present one stays until then.

    Raises:
        StoreError: the folder holds a dataset of a newer elimctl.
    """
    parquet.refuse_newer(read_record(out).get("format"), out / assemble.RECORD)
    (out / assemble.RECORD).unlink(missing_ok=True)


def _works(plan: Plan, units: Path, job: Job) -> Iterator[Work]:
    """Start the units of a job with the executor of the plan."""
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

    A raw file is hashed again if it changed since the preparation, or if one of its folders up to the root
    changed. Other files must have the same size. A damaged dataset is not current.

    Raises:
        StoreError: a newer elimctl wrote the dataset, so it must not be replaced.
    """
    record = read_record(out)
    manifest = out / parquet.NAME
    parquet.refuse_newer(record.get("format"), out / assemble.RECORD)
    parquet.refuse_newer(parquet.noted_format(manifest), manifest)
    return _same_inputs(plan, record, manifest) and _readable_images(out)


def _same_inputs(plan: Plan, record: dict[str, Any], manifest: Path) -> bool:
    """Whether a manifest is undamaged and was made from the files and settings of a plan."""
    if record.get("inputs") != plan.fingerprint or not manifest.exists():
        return False
    if parquet.digest(manifest) != record.get("manifest_sha256"):
        return False
    prepared_ns = manifest.stat().st_mtime_ns

    @cache
    def folder_changed_ns(folder: Path) -> int:
        above_ns = 0 if folder in (plan.root, folder.parent) else folder_changed_ns(folder.parent)
        return max(_changed_ns(folder), above_ns)

    recorded: dict[str, str | None] = {}
    checked = ""
    for numbered in plan.rows:
        row = numbered.row
        if row.reason is not None or row.path == checked:
            continue
        checked = row.path
        file = plan.root / row.path
        if max(_changed_ns(file), folder_changed_ns(file.parent)) > prepared_ns:
            recorded = recorded or _hashes(manifest)
            if recorded.get(printable(row.path)) != examine(row, plan.root).sha256:
                return False
    return True


def _changed_ns(path: Path) -> int:
    """Return the last change of a path or its link target; 0 if missing, which the fingerprint covers."""
    try:
        return max(path.stat().st_ctime_ns, path.lstat().st_ctime_ns)
    except OSError:
        return 0


def _hashes(manifest: Path) -> dict[str, str | None]:
    table = parquet.read(manifest)
    table = table.filter(pc.is_valid(table["source_sha256"]))
    return dict(zip(table["path"].to_pylist(), table["source_sha256"].to_pylist(), strict=True))


def _readable_images(out: Path) -> bool:
    """Whether the place of every image is sound."""
    try:
        open_images(out).check()
    except StoreError:
        return False
    return True


def summary(out: Path) -> Summary:
    """Summarise the preparation of a dataset.

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
            synthetic=bool(record.get("synthetic")),
        )
    except (KeyError, TypeError):
        raise MissingError(f"no prepared dataset in {out}", hint="run elimctl prepare") from None


def _count_identities(out: Path) -> int:
    table = parquet.read(out, only=["identity", "status"])
    return int(pc.count_distinct(table["identity"].filter(pc.equal(table["status"], "kept"))).as_py())


def read_record(out: Path) -> dict[str, Any]:
    """Read prepare.json; empty if it is missing or damaged."""
    try:
        record = json.loads((out / assemble.RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
