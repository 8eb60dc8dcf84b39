"""The audit of a prepared dataset: what leaks between its splits, and what its labels and groups are like."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from elimctl import atomic
from elimctl.commands import features as stage
from elimctl.config import Values
from elimctl.faces.embed import ARCFACE
from elimctl.manifest import audit, balance, near, parquet, phash
from elimctl.manifest.audit import Leak
from elimctl.store.features import Features
from elimctl.store.images import open_images

NAME = "audit.json"  # in the folder of the dataset
IMAGE, FACE = "near-duplicate image", "face"  # kinds of leaks
BATCH = 256  # images hashed, or features read, at once
FACE_THRESHOLD = 0.5  # cosine; stricter than that of clusters: of many more pairs each one is an alarm

Track = Callable[[Iterable[np.ndarray], int], Iterable[np.ndarray]]


@dataclass(slots=True)
class Audit:
    """What an audit found.

    Args:
        dataset: name of the dataset.
        manifest: sha256 of its manifest.
        rows: rows of the manifest.
        kept: rows that can be used.
        leaks: what was compared between its splits; those with a count above 0 are leaks.
        skipped: what was not compared, and why.
        labels: range of each label.
        classes: samples of each class of expression.
        identities: sizes of the identities.
        clips: numbers of clips and of empty ones.
    """

    dataset: str
    manifest: str
    rows: int
    kept: int
    leaks: list[Leak] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Values] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    identities: Values = field(default_factory=dict)
    clips: Values = field(default_factory=dict)

    @property
    def leaking(self) -> bool:
        """Whether any leak was found."""
        return any(leak.count for leak in self.leaks)


def audit_dataset(
    folder: Path,
    *,
    images: bool = True,
    face_threshold: float = FACE_THRESHOLD,
    out: Path | None = None,
    track: Track = lambda batches, _: batches,
) -> Audit:
    """Audit a prepared dataset, and write what was found as JSON.

    Args:
        folder: the dataset's.
        images: whether near-duplicate images are sought, which reads every kept image.
        face_threshold: cosine from which two clips show one person.
        out: file to write; None for `audit.json` in the folder.
        track: wraps the batches of images.

    Raises:
        StoreError: the manifest or images are missing, damaged, or of a newer version.
    """
    found = examine(folder, images=images, face_threshold=face_threshold, track=track)
    atomic.write_text(out or folder / NAME, json.dumps(to_values(found), indent=2, ensure_ascii=False) + "\n")
    return found


def examine(
    folder: Path,
    *,
    images: bool = True,
    face_threshold: float = FACE_THRESHOLD,
    track: Track = lambda batches, _: batches,
) -> Audit:
    """Audit a prepared dataset; arguments and errors as of `audit_dataset`."""
    table = parquet.read(folder)
    kept = audit.kept_rows(table)
    found = Audit(folder.name, parquet.digest(folder / parquet.NAME), table.num_rows, kept.num_rows)
    found.labels, found.classes = balance.labels(kept), balance.classes(kept)
    found.identities, found.clips = balance.identities(kept), balance.clips(table)
    parted = audit.partitions(kept)
    if not parted:
        found.skipped["leaks"] = "the dataset has one split and no folds"
    for between, parts in parted.items():
        found.leaks += list(_leaks_by_name(kept, parts, between, found.skipped))
        found.leaks += [audit.same_crops(kept, parts, between=between)]
        found.leaks += [audit.same_sources(kept, parts, between=between)]
        if images:
            found.leaks.append(_leak_by_image(folder, kept, parts, between, track))
        else:
            found.skipped[IMAGE] = "not asked for"
        features = stage.current(folder, table, ARCFACE.name)
        if features is None:
            found.skipped[FACE] = "no features: elimctl features extract --model arcface"
        else:
            found.leaks.append(_leak_by_face(features, kept, parts, between, face_threshold))
    return found


def to_values(found: Audit) -> Values:
    """An audit as values for JSON."""
    return {"leaking": found.leaking, **asdict(found)}


def _leaks_by_name(
    kept: pa.Table, parts: np.ndarray, between: str, skipped: dict[str, str]
) -> Iterator[Leak]:
    """Names that splits share; of what has no names, `skipped` notes why."""
    for name in audit.NAMES:
        leak = audit.shared_names(kept, name, parts, between=between)
        if leak is not None:
            yield leak
        else:
            skipped[name] = "identities are age groups" if name == "identity" else "not known"


def _leak_by_image(folder: Path, kept: pa.Table, parts: np.ndarray, between: str, track: Track) -> Leak:
    """Near-duplicates in two splits."""
    reader = open_images(folder)
    places = np.flatnonzero(parts >= 0)
    rows = kept["row"].to_numpy()[places]
    batches = (phash.hashes(reader.read(rows[start : start + BATCH])) for start in range(0, len(rows), BATCH))
    hashes = np.concatenate(list(track(batches, -(-len(rows) // BATCH))))
    pairs = near.near_hashes(hashes, parts[places])
    ones = np.ones(len(places), np.int64)
    return audit.from_pairs(kept, IMAGE, between, pairs, places=places, sizes=ones, highest_first=False)


def _leak_by_face(
    features: Features, kept: pa.Table, parts: np.ndarray, between: str, threshold: float
) -> Leak:
    """Clips in two splits whose faces look alike; a clip in two splits is two here."""
    places = np.flatnonzero(parts >= 0)
    clips = np.stack([audit.codes(kept["clip"])[places], parts[places]], axis=1)
    named, first, groups = np.unique(clips, axis=0, return_index=True, return_inverse=True)
    groups = groups.reshape(-1)
    means = np.zeros((len(named), features.shape[1]), np.float32)
    rows = kept["row"].to_numpy()[places]
    for start in range(0, len(rows), BATCH):
        np.add.at(means, groups[start : start + BATCH], features.read(rows[start : start + BATCH]))
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), np.float32(1e-12))
    pairs = near.similar_features(means, named[:, 1], threshold=threshold)
    return audit.from_pairs(
        kept, FACE, between, pairs, places=places[first], sizes=np.bincount(groups), highest_first=True
    )
