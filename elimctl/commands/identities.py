"""Identities that a model finds: by face, or by apparent age."""

import json
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elimctl.commands import features as stage
from elimctl.commands.features import BATCH, Track
from elimctl.config import Values
from elimctl.datasets.ages import GROUPS, group
from elimctl.errors import DataError, Notice
from elimctl.faces.options import Device
from elimctl.manifest import parquet, splits
from elimctl.manifest.audit import codes
from elimctl.manifest.cluster import THRESHOLD, cluster
from elimctl.manifest.row import NO_GROUP
from elimctl.prepare.assemble import RECORD
from elimctl.prepare.rewrite import rewrite
from elimctl.store import features as cache
from elimctl.store.images import open_images

ORDER = ("identity", "clip", "frame", "path", "row")  # of the manifest's rows


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """Identities found by face.

    Args:
        mode: `cluster`.
        model: sha256 of the recognition model.
        threshold: mean cosine above which groups of clips merged.
        identities: number of clusters.
        single: clusters of one image, which is like no other.
        median: images in a cluster.
        largest: images in the largest cluster.
        sizes: how many clusters have how many images, by the number of images, ascending.
        silhouette: mean silhouette coefficient, by cosine; None where it has none.
        split: clusters with images in two official splits: people whom the dataset's authors did not keep
            apart.
    """

    mode: str
    model: str
    threshold: float
    identities: int
    single: int
    median: float
    largest: int
    sizes: dict[int, int]
    silhouette: float | None
    split: int


@dataclass(frozen=True, slots=True)
class AgeReport:
    """Groups of apparent ages.

    Args:
        mode: `age-group`.
        model: sha256 of the age model.
        bins: ends of the groups, years.
        groups: kept rows of each group, by name.
        outside: kept rows in no group.
        min: youngest age, years; `median` and `max` likewise.
    """

    mode: str
    model: str
    bins: tuple[int, ...]
    groups: dict[str, int]
    outside: int
    min: float
    median: float
    max: float


def cluster_identities(
    folder: Path,
    *,
    models: Path | None = None,
    threshold: float = THRESHOLD,
    device: Device = "auto",
    batch_size: int = BATCH,
    track: Track = lambda batches, _: batches,
) -> ClusterReport:
    """Give the rows of a prepared dataset the identities that ArcFace finds, in place.

    The frames of a clip keep together. Dropped rows go with the kept ones of their clip, else into no group.

    Args:
        folder: the dataset's.
        models: folder of insightface models; None stands for insightface's cache.
        threshold: mean cosine above which groups of clips merge, in (-1, 1).
        device: where the model runs.
        batch_size: images it sees at once.
        track: wraps the batches.

    Raises:
        MissingError: there is no model; the hint is the command that downloads one.
        DataError: there are fewer clusters than folds, and no official splits.
    """
    model = stage.arcface(folder, models=models, device=device)
    made = stage.extract(folder, model, batch_size=batch_size, track=track)
    table = parquet.read(folder)
    kept = np.flatnonzero(pc.equal(table["status"], "kept").to_numpy())
    clips = codes(table["clip"])
    found = cluster(cache.open(folder, made.key).read(kept), threshold=threshold, clips=clips[kept])
    digits = len(str(len(found.sizes)))
    names = np.array([f"cluster-{number:0{digits}d}" for number in range(1, len(found.sizes) + 1)])
    of_clip = np.full(clips.max() + 1, NO_GROUP, dtype=object)
    of_clip[clips[kept]] = names[found.labels]
    report = ClusterReport(
        mode="cluster",
        model=model.digest,
        threshold=threshold,
        identities=len(found.sizes),
        single=int((found.sizes == 1).sum()),
        median=float(np.median(found.sizes)),
        largest=int(found.sizes.max()),
        sizes=dict(sorted(Counter(found.sizes.tolist()).items())),
        silhouette=found.silhouette,
        split=_in_two_splits(found.labels, codes(table["split"])[kept]),
    )
    try:
        regroup(folder, _with(table, identity=of_clip[clips]), identities=asdict(report))
    except DataError as error:
        raise DataError(
            f"{error.message}: that is how many faces were found at threshold {threshold}",
            hint=f"raise prepare.cluster_threshold, or {error.hint}",
        ) from None
    return report


def _in_two_splits(labels: np.ndarray, parts: np.ndarray) -> int:
    """Number of labels that occur in two parts; -1 is no part."""
    pairs = np.unique(np.stack([labels, parts], axis=1)[parts >= 0], axis=0)
    return int((np.bincount(pairs[:, 0]) > 1).sum()) if len(pairs) else 0


def estimate_ages(
    folder: Path,
    *,
    models: Path | None = None,
    bins: Sequence[int] = GROUPS,
    device: Device = "auto",
    batch_size: int = BATCH,
    track: Track = lambda batches, _: batches,
) -> AgeReport:
    """Give the kept rows of a prepared dataset the ages that a model estimates, and group them, in place.

    Args:
        folder: the dataset's.
        models: folder of insightface models; None stands for insightface's cache.
        bins: ascending ends of the groups, years; each group holds its lower end and not its upper one.
        device: where the model runs.
        batch_size: images it sees at once.
        track: wraps the batches.

    Raises:
        MissingError: there is no model; the hint is the command that downloads one.
        DataError: there are fewer groups than folds, and no official splits.
    """
    model = stage.ages(folder, models=models, device=device)
    made = stage.extract(folder, model, batch_size=batch_size, track=track)
    table = parquet.read(folder)
    kept = np.flatnonzero(pc.equal(table["status"], "kept").to_numpy())
    years = cache.open(folder, made.key).read(kept)[:, 0]
    ages, groups = np.full((2, table.num_rows), None, dtype=object)
    ages[kept] = years
    groups[kept] = [group(age, bins) for age in years.tolist()]
    identity = [NO_GROUP if name is None else name for name in groups]
    counts = Counter(groups[kept].tolist())
    outside = counts.pop(None, 0)
    report = AgeReport(
        mode="age-group",
        model=model.digest,
        bins=tuple(bins),
        groups=dict(sorted(counts.items())),
        outside=outside,
        min=float(years.min()),
        median=float(np.median(years)),
        max=float(years.max()),
    )
    changed = _with(table, age=ages, age_group=groups, identity=identity)
    regroup(folder, changed, identities=asdict(report))
    return report


def regroup(folder: Path, table: pa.Table, *, identities: Values) -> None:
    """Write a prepared dataset anew with other identities: sorted, numbered and dealt to folds by them.

    Features of the dataset as it was are kept for it as it is.

    Args:
        folder: the dataset's.
        table: its manifest, with the new identities and whatever else changed.
        identities: what prepare.json says about them.

    Raises:
        DataError: there are fewer identities than folds, and no official splits; the dataset is as it was.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    reader = open_images(folder)
    before = stage.dataset_facts(parquet.read(folder), reader.attributes)
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in ORDER]).to_numpy()
    changed = table.take(pa.array(order))
    settings = record["settings"]
    fold, split = _dealt(changed, settings["folds"], settings["seed"])
    changed = _with(changed, row=range(len(order)), fold=fold, split=split)
    record = {**record, "identities": identities}
    rewrite(folder, folder, changed, order, kind=reader.kind, codec=reader.codec, record=record)
    _carry_over(folder, order, before=before)


def _dealt(table: pa.Table, folds: int, seed: int) -> tuple[list[int | None], list[str | None]]:
    """Fold and split of each row, as `prepare` deals them: identities without a kept row are in no fold."""
    split: list[str | None] = table["split"].to_pylist()
    undealt: list[int | None] = [None] * table.num_rows
    usable = pc.unique(table["identity"].filter(pc.equal(table["status"], "kept"))).to_pylist()
    if folds == 1 or (len(usable) < folds and table["split"].null_count < table.num_rows):
        return undealt, split
    if len(usable) == 1:
        warnings.warn(splits.only_scored(table.num_rows), Notice, stacklevel=2)
        return undealt, ["test" for _ in split]
    fold = dict(zip(usable, splits.k_fold(usable, folds=folds, seed=seed).tolist(), strict=True))
    return [fold.get(identity) for identity in table["identity"].to_pylist()], split


def _carry_over(folder: Path, order: np.ndarray, *, before: Values) -> None:
    """Cache the features of the dataset as it was in the order of its rows now."""
    now = stage.dataset_facts(parquet.read(folder), open_images(folder).attributes)
    for key in cache.find(folder):
        features = cache.open(folder, key)
        facts = features.attributes["facts"]
        if stage.is_of(facts, before) and now != before:
            batches = (features.read(order[start : start + BATCH]) for start in range(0, len(order), BATCH))
            attributes = {"facts": {**facts, **now}, "model": features.attributes["model"]}
            cache.write(folder, cache.key(attributes["facts"]), batches, attributes=attributes)


def _with(table: pa.Table, **values: Sequence) -> pa.Table:
    """A table with other values in some columns."""
    for name, column in values.items():
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        table = table.set_column(place, field, pa.array(list(column), type=field.type))
    return table
