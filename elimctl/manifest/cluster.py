"""Identities from features of faces: clips whose faces look alike are one person's."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from elimctl.errors import DataError

# Cosine from which two faces are one person's. The authors of insightface found a squared distance of 1.24
# by cross-validation on LFW (insightface issue 23), which is a cosine of 0.38.
THRESHOLD = 0.4
EXACT = 4_000  # clips clustered at once, all their pairs in memory: 300 MB
ROWS, COLUMNS = 1024, 8192  # clips compared at once: 32 MB
SILHOUETTE_ROWS = 4_000  # images that the silhouette is taken over


@dataclass(frozen=True, slots=True)
class Clusters:
    """Which images show one person.

    Args:
        labels: (n,) int64, number of each image's cluster; clusters are numbered in the order of their first
            image.
        sizes: (k,) int64, images of each cluster.
        silhouette: mean silhouette coefficient, by cosine, in [-1, 1]; over a sample of a large set; None
            where there is one cluster, or each image has its own.
        threshold: the cosine that was asked for.
    """

    labels: np.ndarray
    sizes: np.ndarray
    silhouette: float | None
    threshold: float


def cluster(
    features: np.ndarray, *, threshold: float = THRESHOLD, clips: np.ndarray | None = None, seed: int = 0
) -> Clusters:
    """Group images by the person they show.

    The frames of a clip show one person, so clips are grouped, by their mean features: agglomeratively, with
    average linkage, as long as the mean cosine between two groups is above the threshold. That two groups
    merge takes a pair above the threshold, so parts of the data that no such pair links are clustered each
    for itself, with the same result and without the cosines of all pairs. Of a part of more than `EXACT`
    clips, batches of that many are clustered, then their clusters by their means, until nothing merges; that
    may keep apart what all pairs at once would merge.

    Args:
        features: (n, d) float, finite, n > 0; their lengths do not count.
        threshold: mean cosine above which groups merge, in (-1, 1); higher gives more clusters.
        clips: (n,) integer code of each image's clip; None where each image is its own.
        seed: of the sample that the silhouette is taken over.

    Returns:
        The clusters; a clip that is like no other is a cluster of its own.

    Raises:
        DataError: there are no features, or some are not finite or of length 0.
    """
    unit = _unit(features)
    if clips is None:
        means, clip = unit, np.arange(len(unit))
    else:
        clip = np.unique(clips, return_inverse=True)[1]
        means = _directions(unit, clip)
    labels = _by_first(_labels(means, threshold)[clip])
    return Clusters(labels, np.bincount(labels), _silhouette(unit, labels, seed=seed), threshold)


def _directions(features: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Mean direction of each group.

    Args:
        features: (n, d) float32 of length 1.
        groups: (n,) int in [0, k), every number taken.

    Returns:
        (k, d) float32 of length 1.
    """
    means = _means(features, groups)
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), np.float32(1e-12))


def _means(features: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Mean of each group; `_directions` says of what."""
    sums = np.zeros((groups.max() + 1, features.shape[1]), np.float32)
    np.add.at(sums, groups, features)
    return sums / np.bincount(groups)[:, None].astype(np.float32)


def _unit(features: np.ndarray) -> np.ndarray:
    """Features of length 1, float32."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True) if features.size else np.empty(0)
    usable = np.isfinite(lengths) & (lengths > 0)
    if not usable.any() or not usable.all():
        raise DataError(
            f"{int(usable.sum())} of {len(features)} features are usable: the others are not finite, or zero",
            hint="extract the features again with elimctl features extract, or use another model",
        )
    return (features / lengths).astype(np.float32)


def _labels(means: np.ndarray, threshold: float) -> np.ndarray:
    """Cluster of each clip, numbered in any way."""
    labels = np.empty(len(means), np.int64)
    taken = 0
    for members in _linked(means, threshold):
        own = _part_labels(means[members], threshold)
        labels[members] = taken + own
        taken += own.max() + 1
    return labels


def _part_labels(means: np.ndarray, threshold: float) -> np.ndarray:
    """Clusters of clips that are all linked, directly or through others."""
    labels = np.arange(len(means))
    while True:
        batches = np.split(means, range(EXACT, len(means), EXACT))
        own = _numbered_on([_agglomerate(batch, threshold) for batch in batches])
        labels = own[labels]
        if len(batches) == 1 or own.max() + 1 == len(means):
            return labels
        means = _means(means, own)


def _agglomerate(means: np.ndarray, threshold: float) -> np.ndarray:
    """Clusters by average linkage; the product of two groups' means is the mean cosine between them."""
    from sklearn.cluster import AgglomerativeClustering

    if len(means) == 1:
        return np.zeros(1, np.int64)
    model = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=1 - threshold
    )
    distances = 1 - means @ means.T
    np.fill_diagonal(distances, 0)
    return model.fit(distances).labels_.astype(np.int64)


def _numbered_on(parts: list[np.ndarray]) -> np.ndarray:
    """Labels of several parts in one, none of them in two parts."""
    counts = [part.max() + 1 for part in parts]
    offsets = np.cumsum([0, *counts[:-1]])
    return np.concatenate([part + offset for part, offset in zip(parts, offsets, strict=True)])


def _linked(means: np.ndarray, threshold: float) -> Iterator[np.ndarray]:
    """Parts of the clips that no pair of at least the threshold links with another part."""
    parent = np.arange(len(means))
    for first, second in _links(means, threshold):
        # parent[i] <= i always, so the root of a part is its first clip
        edges = np.unique(np.stack([_roots(parent, first), _roots(parent, second)], axis=1), axis=0)
        for i, j in edges[edges[:, 0] != edges[:, 1]].tolist():
            a, b = _root(parent, i), _root(parent, j)
            parent[max(a, b)] = min(a, b)
    roots = _roots(parent, np.arange(len(means)))
    order = np.argsort(roots, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(roots[order])) + 1)


def _links(means: np.ndarray, threshold: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of clips of at least a cosine, in blocks."""
    for top in range(0, len(means), ROWS):
        for left in range(top, len(means), COLUMNS):
            i, j = np.nonzero(means[top : top + ROWS] @ means[left : left + COLUMNS].T >= threshold)
            yield i + top, j + left


def _roots(parent: np.ndarray, clips: np.ndarray) -> np.ndarray:
    roots = parent[clips]
    while (above := parent[roots]).tolist() != roots.tolist():
        roots = above
    return roots


def _root(parent: np.ndarray, clip: int) -> int:
    while parent[clip] != clip:
        parent[clip] = parent[parent[clip]]  # halves the way of the next search
        clip = int(parent[clip])
    return clip


def _by_first(labels: np.ndarray) -> np.ndarray:
    """The same clusters, numbered in the order of their first images."""
    _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[codes]


def _silhouette(features: np.ndarray, labels: np.ndarray, *, seed: int) -> float | None:
    from sklearn.metrics import silhouette_score

    if len(labels) > SILHOUETTE_ROWS:
        chosen = np.random.default_rng(seed).choice(len(labels), SILHOUETTE_ROWS, replace=False)
        features, labels = features[chosen], labels[chosen]
    if not 1 < len(np.unique(labels)) < len(labels):
        return None
    return float(silhouette_score(features, labels, metric="cosine"))
