"""Leaks: what two parts of a dataset that should have nothing in common share."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elimctl.manifest.near import Pairs
from elimctl.manifest.row import NO_GROUP

NAMES = ("identity", "actor", "clip")
EXAMPLES = 10  # kept of each leak
BOX = ("x0", "y0", "x1", "y1")


@dataclass(slots=True)
class Leak:
    """What is in two parts of a dataset.

    Args:
        kind: what was compared: a column of names, or how images were.
        between: `split`, the official splits, or `fold`.
        count: names, or pairs of images, that two parts share.
        rows: kept rows concerned.
        examples: some of them: a name, or a pair of rows.
    """

    kind: str
    between: str
    count: int = 0
    rows: int = 0
    examples: list[Any] = field(default_factory=list)


def kept_rows(table: pa.Table) -> pa.Table:
    """The kept rows of a manifest."""
    return table.filter(pc.equal(table["status"], "kept"))


def partitions(kept: pa.Table) -> dict[str, np.ndarray]:
    """How the kept rows are parted: by `split` where the dataset has official ones, else by `fold`.

    Returns:
        For each (n,) int64 codes of parts, -1 for a row in none. No folds where there are official splits:
        `splits.select` takes these in their place.
    """
    name = "fold" if kept["split"].null_count == kept.num_rows else "split"
    parts = codes(kept[name])
    return {name: parts} if parts.max(initial=-1) > 0 else {}


def codes(column: pa.ChunkedArray) -> np.ndarray:
    """Values of a column as numbers, equal for equal values; -1 for none."""
    encoded = pc.dictionary_encode(column).combine_chunks()
    return pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def shared_names(kept: pa.Table, name: str, parts: np.ndarray, *, between: str) -> Leak | None:
    """Names in two parts; None where the column has no names of people or clips.

    Args:
        kept: the kept rows.
        name: a column of `NAMES`.
        parts: (n,) the part of each.
        between: name of the partition.
    """
    column = kept[name]
    if column.null_count == len(column) or (name == "identity" and _are_age_groups(kept)):
        return None
    numbers = codes(pc.if_else(pc.equal(column, NO_GROUP), pa.scalar(None, pa.string()), column))
    shared = _shared(numbers, parts)
    names = pc.unique(column.filter(pa.array(shared)))
    return Leak(name, between, len(names), int(shared.sum()), names[:EXAMPLES].to_pylist())


def _are_age_groups(kept: pa.Table) -> bool:
    """Whether the identities are groups of ages: everybody is in these, whatever the split."""
    named = kept.filter(pc.not_equal(kept["identity"], NO_GROUP))
    same = pc.fill_null(pc.equal(named["identity"], named["age_group"]), False)
    return bool(named.num_rows) and bool(pc.all(same).as_py())


def _shared(numbers: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Mask of the rows whose number is in two parts; -1 is no number and no part."""
    counts = (numbers >= 0) & (parts >= 0)
    pairs = np.unique(np.stack([numbers[counts], parts[counts]], axis=1), axis=0)
    in_two = np.bincount(pairs[:, 0], minlength=numbers.max(initial=0) + 1) > 1
    return counts & in_two[np.maximum(numbers, 0)]


def same_crops(kept: pa.Table, parts: np.ndarray, *, between: str) -> Leak:
    """Crops in two parts that are the same to the last bit."""
    numbers = codes(kept["image_sha256"])
    shared = np.flatnonzero(_shared(numbers, parts))
    return _from_runs(kept, "same crop", between, shared, numbers, parts)


def same_sources(kept: pa.Table, parts: np.ndarray, *, between: str) -> Leak:
    """Faces in two parts that were cut from the same place of equal raw images, or frames of equal videos."""
    frame = pc.fill_null(kept["video_frame"], -1).to_numpy()
    numbers = codes(kept["source_sha256"])
    known = numbers >= 0
    both = np.unique(np.stack([numbers, frame], axis=1), axis=0, return_inverse=True)[1]
    numbers = np.where(known, both.reshape(-1), -1)
    shared = np.flatnonzero(_shared(numbers, parts))
    return _from_runs(kept, "same raw image", between, shared, numbers, parts, boxes=_boxes(kept))


def _boxes(kept: pa.Table) -> np.ndarray:
    """(n, 4) boxes of faces; without one the whole image counts."""
    whole = (-1e9, -1e9, 1e9, 1e9)
    columns = [
        pc.fill_null(kept[name].cast(pa.float64()), edge) for name, edge in zip(BOX, whole, strict=True)
    ]
    return np.stack([column.to_numpy() for column in columns], axis=1)


def _from_runs(
    kept: pa.Table,
    kind: str,
    between: str,
    shared: np.ndarray,
    numbers: np.ndarray,
    parts: np.ndarray,
    *,
    boxes: np.ndarray | None = None,
) -> Leak:
    """A leak of the neighbours of one number and two parts, when rows are sorted by both."""
    order = shared[np.lexsort((parts[shared], numbers[shared]))]
    first, second = order[:-1], order[1:]
    found = (numbers[first] == numbers[second]) & (parts[first] != parts[second])
    if boxes is not None:
        found &= _overlap(boxes[first], boxes[second])
    pairs = Pairs(first[found], second[found], np.ones(found.sum()))
    every = np.arange(kept.num_rows)
    ones = np.ones(kept.num_rows, np.int64)
    return from_pairs(kept, kind, between, [pairs], places=every, sizes=ones, highest_first=True)


def _overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether the centre of one of two boxes is in the other: they are of one face."""

    def holds(box: np.ndarray, other: np.ndarray) -> np.ndarray:
        centre = (other[:, :2] + other[:, 2:]) / 2
        return ((box[:, :2] <= centre) & (centre <= box[:, 2:])).all(axis=1)

    return holds(a, b) | holds(b, a)


def from_pairs(
    kept: pa.Table,
    kind: str,
    between: str,
    found: Iterable[Pairs],
    *,
    places: np.ndarray,
    sizes: np.ndarray,
    highest_first: bool,
) -> Leak:
    """A leak of pairs of samples.

    Args:
        kept: the kept rows.
        kind: what was compared.
        between: name of the partition.
        found: the pairs.
        places: (m,) place in `kept` of each sample, or of its first row.
        sizes: (m,) rows of each sample.
        highest_first: whether a higher likeness is more alike.

    Returns:
        The leak, with the pairs most alike as examples: their manifest rows, clips and likeness.
    """
    leak = Leak(kind, between)
    touched = np.zeros(len(places), bool)
    best: list[tuple[float, int, int]] = []
    for first, second, likeness in found:
        leak.count += len(first)
        touched[first] = touched[second] = True
        rank = np.argsort(-likeness if highest_first else likeness, kind="stable")[:EXAMPLES]
        some = zip(likeness[rank].tolist(), first[rank].tolist(), second[rank].tolist(), strict=True)
        best = sorted([*best, *some], reverse=highest_first)[:EXAMPLES]
    leak.rows = int(sizes[touched].sum())
    for alike, i, j in best:
        rows = kept.select(["row", "clip"]).take([int(places[i]), int(places[j])]).to_pydict()
        leak.examples.append({"rows": rows["row"], "clips": rows["clip"], "likeness": round(alike, 4)})
    return leak
