"""From raw rows to a prepared dataset, in units that survive a kill.

A dataset that is being prepared has two folders more: `units/`, the finished units, and `.staging/`, where
the new dataset is put together from them. An earlier dataset stays as it is until the new one is complete.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elimctl.errors import MissingError, StoreError
from elimctl.manifest import parquet, version
from elimctl.prepare import assemble, unit
from elimctl.prepare.plan import Plan
from elimctl.store.images import open_images

UNITS = "units"


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the rows of a dataset; found = kept + the sum of dropped.

    Args:
        found: number of rows.
        kept: number of rows that can be used.
        dropped: number of rows by kind of reason, the most frequent first.
    """

    found: int
    kept: int
    dropped: dict[str, int]


def build(plan: Plan, out: Path) -> Iterator[unit.Outcome]:
    """Prepare a dataset; a folder that holds it already is left as it is.

    Killed at any moment and called again, it does no finished unit twice, and the files it leaves are those
    of an uninterrupted call, byte for byte.

    Args:
        plan: what to prepare.
        out: the folder of the prepared dataset.

    Yields:
        What became of each row, in the manifest's order; nothing if the dataset is prepared already.

    Raises:
        DataError: no row was kept; an earlier dataset in the folder is as it was.
        StoreError: the folder holds a dataset of a newer elimctl; it is as it was.
        OSError: the disk is full, or the folder cannot be written; call again to go on.
    """
    units = out / UNITS
    if not is_current(plan, out):
        units.mkdir(parents=True, exist_ok=True)  # a file in the way is noticed before any face is sought
        names: list[str] = []
        for rows in plan.units():
            work = unit.run(rows, plan.root, units, settings=plan.settings, detector=plan.detector)
            names.append((yield from work))
        assemble.publish(plan, units, names, out)
    assemble.tidy(out, units)


def is_current(plan: Plan, out: Path) -> bool:
    """Whether a folder holds the dataset of a plan, prepared from the same files with the same settings.

    Files that changed since the dataset was made are hashed; of the others the size must be the same. A
    dataset with a damaged file is not current.

    Raises:
        StoreError: the dataset was written by a newer elimctl, so it must not be replaced.
    """
    record = _read_record(out)
    manifest = out / parquet.NAME
    version.refuse_newer(record.get("format"), out / assemble.RECORD)
    version.refuse_newer(parquet.noted_format(manifest), manifest)
    return _same_inputs(plan, record, manifest) and _readable_images(out)


def _same_inputs(plan: Plan, record: dict[str, Any], manifest: Path) -> bool:
    """Whether a manifest is whole and was made from the files and settings of a plan."""
    if record.get("inputs") != plan.fingerprint or not manifest.exists():
        return False
    if parquet.digest(manifest) != record.get("manifest_sha256"):
        return False
    made_ns = manifest.stat().st_mtime_ns
    suspects = [
        (number, plan.root / row.path)
        for number, row in enumerate(plan.rows)
        if row.reason is None and (plan.root / row.path).stat().st_ctime_ns > made_ns
    ]
    if not suspects:
        return True
    known = parquet.read(manifest)["source_sha256"]
    return all(known[number].as_py() == parquet.digest(file) for number, file in suspects)


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
        return Summary(**_read_record(out)["counts"])
    except (KeyError, TypeError):
        raise MissingError(f"no prepared dataset in {out}", hint="run elimctl prepare") from None


def _read_record(out: Path) -> dict[str, Any]:
    """What prepare.json says, nothing where there is none or it is damaged."""
    try:
        record = json.loads((out / assemble.RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
