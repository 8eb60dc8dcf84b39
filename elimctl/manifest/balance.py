"""What a dataset's labels, classes, identities and clips are like."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elimctl.config import Values

AXES = ("valence", "arousal")
STEPS = (1.0, 0.5, 0.1, 0.05, 0.01, 0.005, 0.001)  # roundings that are recognised, in units of the label
FEW = 2  # kept samples that an identity needs to take part in matching
EXAMPLES = 10


def labels(kept: pa.Table) -> dict[str, Values]:
    """Range of each label.

    Args:
        kept: the kept rows of a manifest.

    Returns:
        For valence and arousal `count`, `missing`, `outside` (of [-1, 1], or not finite), `min`, `max`,
        `mean`, `std`, `constant`, and `step`, what all labels are multiples of (None: of nothing coarser than
        0.001).
    """
    return {axis: _range(kept[axis].drop_null().to_numpy(), missing=kept[axis].null_count) for axis in AXES}


def _range(values: np.ndarray, *, missing: int) -> Values:
    inside = values[np.abs(values) <= 1]  # NaN is not inside
    found: Values = {"count": len(values), "missing": missing, "outside": len(values) - len(inside)}
    if not len(inside):
        return {**found, **dict.fromkeys(("min", "max", "mean", "std", "step")), "constant": False}
    exact = inside.astype(np.float64)
    return {
        **found,
        "min": float(exact.min()),
        "max": float(exact.max()),
        "mean": float(exact.mean()),
        "std": float(exact.std()),
        "constant": bool(len(exact) > 1 and exact.min() == exact.max()),
        "step": next((step for step in STEPS if _multiples(exact, step)), None),
    }


def _multiples(values: np.ndarray, step: float) -> bool:
    """Whether values are multiples of a step, as far as float32 tells: its rounding is below 1e-7."""
    return bool(np.abs(values - np.round(values / step) * step).max() < 1e-6)


def classes(kept: pa.Table) -> dict[str, int]:
    """Samples of each class of expression, the most frequent first; empty where there are no classes."""
    return _counts(kept["expression"])


def identities(kept: pa.Table) -> Values:
    """Sizes of the identities, in kept samples: `count`, `median`, `largest`, `largest_share`, `few`.

    `few` identities have fewer than two samples, so that nothing of theirs can be matched.
    """
    sizes = np.array(list(_counts(kept["identity"]).values()), np.int64)
    if not len(sizes):
        return {"count": 0, "median": None, "largest": None, "largest_share": None, "few": 0}
    return {
        "count": len(sizes),
        "median": float(np.median(sizes)),
        "largest": int(sizes.max()),
        "largest_share": float(sizes.max() / sizes.sum()),
        "few": int((sizes < FEW).sum()),
    }


def clips(table: pa.Table) -> Values:
    """Clips of a manifest: `count`, `empty` (no row kept) and some `examples` of these, by name."""
    kept = pc.unique(table["clip"].filter(pc.equal(table["status"], "kept")))
    every = pc.unique(table["clip"])
    empty = every.filter(pc.invert(pc.is_in(every, value_set=kept)))
    return {
        "count": len(every),
        "empty": len(empty),
        "examples": empty.slice(0, EXAMPLES).to_pylist(),
    }


def _counts(column: pa.ChunkedArray) -> dict[str, Any]:
    """How often each value occurs, the most frequent first."""
    counted = pc.value_counts(column.drop_null())
    pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
