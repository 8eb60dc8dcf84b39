"""Describe the content of a prepared dataset in numbers."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elimctl.errors import StoreError
from elimctl.prepare import stream
from elimctl.prepare.build import read_record
from elimctl.prepare.gc import disk_bytes
from elimctl.store.images import open_images

LABELS = ("valence", "arousal")
# Copied from prepare.json.
RECORDED = ("dataset", "counts", "options", "settings", "versions", "manifest_sha256")


@dataclass(frozen=True, slots=True)
class Line:
    """A line in the list of datasets; values of a damaged dataset may be None."""

    name: str  # name of the prepared dataset
    size: int  # size of its folder on the disk, bytes
    dataset: str | None = None  # name of the dataset's plug-in
    rows: int | None = None  # number of samples
    kept: int | None = None  # number of usable samples
    identities: int | None = None  # number of identities of usable samples
    store: str | None = None  # zarr or hdf5
    codec: str | None = None  # codec of the images
    damage: str | None = None  # why the dataset cannot be read, None if it can


@dataclass(slots=True)
class _Range:
    """Range and mean of a label."""

    count: int = 0
    total: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: np.ndarray) -> None:
        """Add values; none may be missing."""
        if values.size:
            self.count += values.size
            self.total += float(values.sum(dtype=np.float64))
            self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    def summary(self, rows: int) -> dict[str, float | int | None]:
        """Return values for JSON, None without a label."""
        return {
            "min": self.low if self.count else None,
            "max": self.high if self.count else None,
            "mean": self.total / self.count if self.count else None,
            "missing": rows - self.count,
        }


def line(folder: Path) -> Line:
    """Describe a dataset in one line; it may be damaged."""
    size = disk_bytes(folder)
    try:
        images = open_images(folder)
        rows, identities = 0, Counter[str]()
        for batch in stream.batches(folder, ["status", "identity"]):
            rows += batch.num_rows
            identities.update(_kept(batch)["identity"].to_pylist())
    except StoreError as error:
        return Line(folder.name, size, damage=error.message)
    return Line(
        name=folder.name,
        size=size,
        dataset=read_record(folder).get("dataset"),
        rows=rows,
        kept=identities.total(),
        identities=len(identities),
        store=images.kind,
        codec=images.codec,
    )


def describe(folder: Path) -> dict[str, Any]:
    """Describe the dataset in a folder by its manifest and prepare.json, as values for JSON.

    Raises:
        StoreError: the dataset is damaged.
    """
    record, images = read_record(folder), open_images(folder)
    identities = Counter[str]()
    # kept rows of each identity, in each split and each fold
    groups: dict[str, dict[Any, Counter[str]]] = {"split": {}, "fold": {}}
    labels = {label: _Range() for label in LABELS}
    for batch in stream.batches(folder, ["status", "identity", *groups, *LABELS]):
        kept = _kept(batch)
        names = kept["identity"].to_pylist()
        identities.update(names)
        for column, counts in groups.items():
            for name, identity in zip(kept[column].to_pylist(), names, strict=True):
                if name is not None:
                    counts.setdefault(name, Counter())[identity] += 1
        for label, values in labels.items():
            values.add(kept[label].drop_null().to_numpy())
    return {
        "name": folder.name,
        "folder": str(folder),
        **{name: record.get(name) for name in RECORDED},
        "identities": _sizes(identities),
        "splits": _values(groups["split"]),
        "folds": _values(groups["fold"]),
        "labels": {label: values.summary(identities.total()) for label, values in labels.items()},
        "images": {
            "store": images.kind,
            "codec": images.codec,
            "shape": list(images.shape),
            "size": disk_bytes(images.path),
        },
    }


def _kept(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.filter(pc.equal(batch["status"], "kept"))


def _values(groups: dict[Any, Counter[str]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "rows": counts.total(), "identities": len(counts)}
        for name, counts in sorted(groups.items())
    ]


def _sizes(identities: Counter[str]) -> dict[str, float | int | None]:
    sizes = sorted(identities.values())
    return {
        "number": len(sizes),
        "smallest": sizes[0] if sizes else None,
        "median": median(sizes) if sizes else None,
        "largest": sizes[-1] if sizes else None,
    }
