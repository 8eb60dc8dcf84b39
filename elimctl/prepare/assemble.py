"""Put a prepared dataset together from finished units and exchange its files as a whole.

The manifest is removed first and renamed last, so a folder with a manifest holds a complete dataset.
"""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa

from elimctl import atomic
from elimctl.errors import DataError
from elimctl.manifest import columns, parquet
from elimctl.manifest.parquet import FORMAT
from elimctl.manifest.row import printable
from elimctl.prepare import unit
from elimctl.prepare.extract import Outcome
from elimctl.prepare.plan import SYNTHETIC, Plan
from elimctl.prepare.row_index import Numbered
from elimctl.prepare.settings import recorded, recorded_options
from elimctl.store.images import NAMES, write_images
from elimctl.text import counted

RECORD = "prepare.json"
STAGING = ".staging"
REPLACED = ".replaced"
# Packages that influence the bytes.
PACKAGES = (
    *("elimctl", "numpy", "opencv-python", "pillow", "av", "onnxruntime", "pyarrow", "zarr", "h5py"),
    *("numcodecs", "hdf5plugin"),
)

FROM_ROW = (
    *("path", "identity", "clip", "frame", "video_frame", "actor", "valence", "arousal"),
    *("expression", "age", "age_group", "gender", "race", "split"),
)
FROM_OUTCOME = (
    *("reason", "width_px", "height_px", "score", "points", "crop_points", "faces"),
    *("source_sha256", "image_sha256"),
)


def publish(plan: Plan, units: Path, names: Sequence[str], out: Path) -> None:
    """Put a dataset together from its units, given by name and in order, and replace the one in its folder.

    Raises:
        DataError: no row was kept.
        OSError: the disk is full, or the folder cannot be written.
    """
    counts = _count(units, names)
    if not counts["kept"]:
        tidy(out, units)
        reasons = ", ".join(f"{reason} ({number})" for reason, number in counts["dropped"].items())
        raise DataError(
            f"none of {counted(counts['found'], 'sample')} under {plan.root} could be kept: {reasons}",
            hint="fix the most frequent reason: change --detector or the raw folder",
        )
    staging = out / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    settings = recorded(plan.settings)
    store = write_images(
        staging,
        (len(plan.rows), *(plan.settings.crop.size_px,) * 2, 3),
        [unit.shard_file(units, name) for name in names],
        kind=plan.settings.store,
        codec=plan.settings.codec,
        shard_images=plan.settings.shard_images,
        attributes={"crop": settings["crop"]},
    )
    tables = (
        _table(plan.rows.between(task.start, task.stop), unit.read_record(units, name))
        for task, name in zip(plan.tasks(units), names, strict=True)
    )
    parquet.write_parts(
        staging / parquet.NAME,
        tables,
        metadata={"dataset": plan.dataset, "settings": settings},
    )
    record = {
        "format": FORMAT,
        "dataset": plan.dataset,
        "options": recorded_options(plan.options),
        "settings": settings,
        "detector": plan.detector.digest,
        "inputs": plan.fingerprint,
        "synthetic": (plan.root / SYNTHETIC).exists(),
        "totals": plan.rows.totals(),
        "identity_source": _identity_source(plan),
        "counts": counts,
        "manifest_sha256": parquet.digest(staging / parquet.NAME),
        "versions": _versions(),
    }
    atomic.write_text(staging / RECORD, json.dumps(record, indent=2) + "\n")
    exchange(staging, store, out)


def _identity_source(plan: Plan) -> str:
    """Return the source of the identities: from the reader, or else the requested mode; may be empty."""
    source = next(iter(plan.rows)).row.identity_from
    return source or str(getattr(plan.options, "identity", ""))


def tidy(out: Path, units: Path) -> None:
    """Remove temporary files of the preparation."""
    for folder in (units, out / STAGING, out / REPLACED):
        shutil.rmtree(folder, ignore_errors=True)
    atomic.remove_leftovers(out)


def _count(units: Path, names: Sequence[str]) -> dict[str, Any]:
    """Count rows: found, kept, and dropped by kind of reason, the most frequent first."""
    total = 0
    kinds = Counter[str]()
    for name in names:
        outcomes = unit.read_record(units, name)
        total += len(outcomes)
        kinds.update(outcome.reason.partition(":")[0] for outcome in outcomes if outcome.reason is not None)
    ranked = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return {"found": total, "kept": total - kinds.total(), "dropped": dict(ranked)}


def _table(rows: Sequence[Numbered], outcomes: Sequence[Outcome]) -> pa.Table:
    boxes: list[Sequence[float | None]] = [outcome.box or (None,) * 4 for outcome in outcomes]
    values: dict[str, Sequence[Any]] = {
        "row": [numbered.number for numbered in rows],
        "status": ["kept" if outcome.reason is None else "dropped" for outcome in outcomes],
        "fold": [numbered.fold for numbered in rows],
        **{name: [_storable(getattr(numbered.row, name)) for numbered in rows] for name in FROM_ROW},
        **{name: [getattr(outcome, name) for outcome in outcomes] for name in FROM_OUTCOME},
        **{name: [box[place] for box in boxes] for place, name in enumerate(("x0", "y0", "x1", "y1"))},
    }
    return pa.table({name: values[name] for name in columns.schema().names}, schema=columns.schema())


def _storable(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value


def _versions() -> dict[str, str]:
    """Return the versions of installed packages that influence the bytes."""
    versions = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def exchange(staging: Path, store: str, out: Path) -> None:
    """Replace the dataset in the folder `out` by the one in `staging`, whose image store is `store`."""
    replaced = out / REPLACED
    shutil.rmtree(replaced, ignore_errors=True)
    replaced.mkdir()
    (out / parquet.NAME).unlink(missing_ok=True)
    atomic.sync(out)
    for name in NAMES:
        if (out / name).exists():
            (out / name).rename(replaced / name)
    for name in (store, RECORD, parquet.NAME):
        (staging / name).replace(out / name)
    atomic.sync(out)
