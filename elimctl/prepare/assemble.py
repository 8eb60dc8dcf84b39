"""From finished units to the files of a prepared dataset, exchanged as a whole.

The manifest is removed first and renamed last: a folder with a manifest holds a whole dataset.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from elimctl import atomic
from elimctl.errors import DataError
from elimctl.manifest import columns, parquet
from elimctl.manifest.version import FORMAT
from elimctl.prepare import unit
from elimctl.prepare.plan import Plan
from elimctl.prepare.settings import recorded
from elimctl.store import hdf5, zarr

RECORD = "prepare.json"
STAGING = ".staging"
REPLACED = ".replaced"
# Packages that have a hand in the bytes.
PACKAGES = ("elimctl", "numpy", "opencv-python", "pillow", "onnxruntime", "pyarrow", "zarr", "h5py")

FROM_ROW = ("path", "identity", "clip", "frame", "actor", "valence", "arousal", "split")
FROM_OUTCOME = ("reason", "width_px", "height_px", "score", "points", "faces", "source_sha256")


def publish(plan: Plan, units: Path, names: Sequence[str], out: Path) -> None:
    """Put a dataset together from its units and let it take the place of what the folder holds.

    Args:
        plan: the dataset.
        units: folder of the finished units.
        names: the dataset's units, in order.
        out: the folder of the prepared dataset.

    Raises:
        DataError: no row was kept.
        OSError: the disk is full, or the folder cannot be written.
    """
    outcomes = [outcome for name in names for outcome in unit.read_record(units, name)]
    counts = _count(outcomes)
    if not counts["kept"]:
        tidy(out, units)
        reasons = ", ".join(f"{reason} ({number})" for reason, number in counts["dropped"].items())
        raise DataError(
            f"none of {counts['found']} samples under {plan.root} could be kept: {reasons}",
            hint="see what prepare drops most, and change the detector or the path",
        )
    staging = out / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    store = _write_images(plan, units, names, staging)
    settings = recorded(plan.settings)
    parquet.write(
        staging / parquet.NAME,
        _table(plan, outcomes),
        metadata={"dataset": plan.dataset, "settings": settings},
    )
    record = {
        "format": FORMAT,
        "dataset": plan.dataset,
        "options": plan.options.model_dump(mode="json"),
        "settings": settings,
        "detector": plan.detector.digest,
        "inputs": plan.fingerprint,
        "counts": counts,
        "manifest_sha256": parquet.digest(staging / parquet.NAME),
        "versions": _versions(),
    }
    atomic.write_text(staging / RECORD, json.dumps(record, indent=2) + "\n")
    _exchange(staging, store, out)


def tidy(out: Path, units: Path) -> None:
    """Remove what only the preparation needed."""
    for folder in (units, out / STAGING, out / REPLACED):
        shutil.rmtree(folder, ignore_errors=True)


def _count(outcomes: Sequence[unit.Outcome]) -> dict[str, Any]:
    """Numbers of rows: found, kept, and dropped by kind of reason, the most frequent first."""
    kinds = Counter(outcome.reason.partition(":")[0] for outcome in outcomes if outcome.reason is not None)
    ranked = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return {"found": len(outcomes), "kept": len(outcomes) - kinds.total(), "dropped": dict(ranked)}


def _write_images(plan: Plan, units: Path, names: Sequence[str], staging: Path) -> str:
    """Write the image store and return its name."""
    size_px = plan.settings.crop.size_px
    shape = (len(plan.rows), size_px, size_px, 3)
    attributes = {"crop": recorded(plan.settings)["crop"]}
    shards = [unit.shard_file(units, name) for name in names]
    if plan.settings.store == "hdf5":
        hdf5.write(staging / hdf5.NAME, shape, _images(plan, shards), attributes=attributes)
        atomic.sync(staging / hdf5.NAME)
        return hdf5.NAME
    zarr.write(
        staging / zarr.NAME, shape, shards, shard_images=plan.settings.shard_images, attributes=attributes
    )
    return zarr.NAME


def _images(plan: Plan, shards: Sequence[Path]) -> Iterator[np.ndarray]:
    """The images of each unit."""
    size_px = plan.settings.crop.size_px
    for shard, rows in zip(shards, plan.units(), strict=True):
        wanted = (len(rows), size_px, size_px, 3)
        yield zarr.decode_shard(shard, wanted, shard_images=plan.settings.shard_images)


def _table(plan: Plan, outcomes: Sequence[unit.Outcome]) -> pa.Table:
    """The manifest."""
    rows = plan.rows
    boxes: list[Sequence[float | None]] = [outcome.box or (None,) * 4 for outcome in outcomes]
    values: dict[str, Sequence[Any]] = {
        "row": range(len(rows)),
        "status": ["kept" if outcome.reason is None else "dropped" for outcome in outcomes],
        "fold": plan.folds,
        **{name: [getattr(row, name) for row in rows] for name in FROM_ROW},
        **{name: [getattr(outcome, name) for outcome in outcomes] for name in FROM_OUTCOME},
        **{name: [box[place] for box in boxes] for place, name in enumerate(("x0", "y0", "x1", "y1"))},
    }
    return pa.table({name: values[name] for name in columns.schema().names}, schema=columns.schema())


def _versions() -> dict[str, str]:
    """Versions of the packages that have a hand in the bytes, where installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _exchange(staging: Path, store: str, out: Path) -> None:
    """Let the files in `staging` take the place of those in `out`."""
    replaced = out / REPLACED
    shutil.rmtree(replaced, ignore_errors=True)
    replaced.mkdir()
    (out / parquet.NAME).unlink(missing_ok=True)
    atomic.sync(out)
    for name in (zarr.NAME, hdf5.NAME):
        if (out / name).exists():
            (out / name).rename(replaced / name)
    for name in (store, RECORD, parquet.NAME):
        (staging / name).replace(out / name)
    atomic.sync(out)
