"""Pairs of samples in different parts of a dataset that are much alike, some of them at a time."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from elimctl.manifest import phash

BANDS = 16  # of 16 bits: a row of the block of frequencies each
PAIRS = 1 << 21  # compared at once: 130 MB
ROWS, COLUMNS = 1024, 8192  # features compared at once: 32 MB


class Pairs(NamedTuple):
    """Pairs of samples that are in different parts.

    Args:
        first: (n,) int64 numbers of samples; `second` likewise.
        likeness: (n,) how alike they are: bits that differ, or the cosine of the angle between features.
    """

    first: np.ndarray
    second: np.ndarray
    likeness: np.ndarray


def near_hashes(hashes: np.ndarray, parts: np.ndarray, *, bits: int = phash.NEAR_BITS) -> Iterator[Pairs]:
    """Pairs of images in different parts whose hashes are near each other.

    Only pairs that agree in a whole band are compared. Copies differ in high frequencies first: of those
    within `phash.NEAR_BITS` bits, measured as `phash` tells, 99 of 100 agree in one.

    Args:
        hashes: (n, 4) uint64, of `phash.hashes`.
        parts: (n,) int, the part that each is in.
        bits: the most in which a pair differs.

    Yields:
        Some of the pairs, each pair once in all.
    """
    bands = np.ascontiguousarray(hashes).view("<u2")
    for number in range(BANDS):
        order = np.lexsort((parts, bands[:, number]))
        for i, j in _across(bands[order, number], parts[order]):
            first, second = order[i], order[j]
            differing = phash.distance(hashes[first], hashes[second])
            earlier = (bands[first, :number] == bands[second, :number]).any(axis=1)
            found = (differing <= bits) & ~earlier
            if found.any():
                yield Pairs(first[found], second[found], differing[found])


def _across(keys: np.ndarray, parts: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Places of all pairs of one key and different parts, of samples sorted by key and part."""
    places = np.arange(len(keys))
    last = _ends(keys[1:] != keys[:-1], len(keys))  # of the places of a key
    own = _ends((keys[1:] != keys[:-1]) | (parts[1:] != parts[:-1]), len(keys))
    counts = last - own
    behind = np.cumsum(counts)
    start = 0
    while start < len(keys):
        done = behind[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(behind, done + PAIRS, side="right")))
        some = counts[start:stop]
        first = np.repeat(places[start:stop], some)
        before = np.repeat(np.cumsum(some) - some, some)
        yield first, np.repeat(own[start:stop], some) + np.arange(len(first)) - before
        start = stop


def _ends(changes: np.ndarray, count: int) -> np.ndarray:
    """For each place, the first place after it where the next run begins."""
    ends = np.append(np.flatnonzero(changes) + 1, count)
    return np.repeat(ends, np.diff(ends, prepend=0))


def similar_features(features: np.ndarray, parts: np.ndarray, *, threshold: float) -> Iterator[Pairs]:
    """Pairs in different parts whose features point nearly the same way.

    Args:
        features: (n, d) float32 of length 1.
        parts: (n,) int, the part that each is in.
        threshold: the lowest cosine of a pair.

    Yields:
        Some of the pairs, each pair once in all.
    """
    order = np.argsort(parts, kind="stable")
    ends = _ends(np.diff(parts[order]) != 0, len(order))
    for start in range(0, len(order), ROWS):
        rows = order[start : start + ROWS]
        for left in range(int(ends[start]), len(order), COLUMNS):
            columns = order[left : left + COLUMNS]
            cosine = features[rows] @ features[columns].T
            i, j = np.nonzero((cosine >= threshold) & (parts[rows][:, None] < parts[columns]))
            if len(i):
                yield Pairs(rows[i], columns[j], cosine[i, j])
